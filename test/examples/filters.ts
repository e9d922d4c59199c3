import { SystemMetricsGenerator } from "metrics-collector"

export const Host = SystemMetricsGenerator.layer({ filters: { excludeInterfaces: /^(?:lo|docker\d+)$/ } })

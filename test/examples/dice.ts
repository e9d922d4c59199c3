import { Random, Schedule, Stream } from "effect"
import { Cli, GenericMetric, MetricsGenerator } from "metrics-collector"

class Dice extends MetricsGenerator.Tag("dice")<Dice>() {
  static readonly layer = MetricsGenerator.layer(
    this,
    Stream.repeatEffectWithSchedule(Random.nextIntBetween(1, 7), Schedule.fixed("1 second")).pipe(
      Stream.map((value) => new GenericMetric({ origin: "game", metricType: "dice", value }))
    )
  )
}

Cli.main({ generators: [Dice], layer: Dice.layer })

// Codes of Node's TLS: https://nodejs.org/api/tls.html#x509-certificate-error-codes
const untrusted = new Set([
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
])

const unfit = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "CERT_REVOKED", "ERR_TLS_CERT_ALTNAME_INVALID"])

/**
 * What is wrong with a server's certificate and what to do, when that is why a
 * connection failed; `undefined` for every other failure.
 */
export const certificateProblem = (error: unknown): string | undefined => {
  let current = error
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    const code = "code" in current && typeof current.code === "string" ? current.code : ""
    if (untrusted.has(code)) {
      return `the server's certificate is not trusted (${current.message}); name the certificate of its authority ` +
        "with --ca-file"
    }
    if (unfit.has(code)) {
      return `the server's certificate does not hold (${current.message}); correct the host name of the address, or ` +
        "the certificate"
    }
    current = current.cause
  }
  return undefined
}

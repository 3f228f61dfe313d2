# Whoever signs packages (an author's machine, a CI job): the signing key and nothing else.
path "secret/data/atom/cosign" {
  capabilities = ["read"]
}

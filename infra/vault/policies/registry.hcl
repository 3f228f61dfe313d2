# The registry API reads what it needs to serve: its database, its bucket, and the cosign key that it may sign with.
# It lists and writes nothing.
path "secret/data/atom/db" {
  capabilities = ["read"]
}
path "secret/data/atom/s3" {
  capabilities = ["read"]
}
path "secret/data/atom/cosign" {
  capabilities = ["read"]
}

# Run workers, sensors and assets: database and bucket, plus what runbooks ask for by name under runtime/.
path "secret/data/atom/db" {
  capabilities = ["read"]
}
path "secret/data/atom/s3" {
  capabilities = ["read"]
}
path "secret/data/atom/runtime/*" {
  capabilities = ["read"]
}

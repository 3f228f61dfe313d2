# Run workers, sensors and assets: database, bucket, the key that hides names in datasets, plus what runbooks ask for by name under runtime/.
path "secret/data/atom/db" {
  capabilities = ["read"]
}
path "secret/data/atom/s3" {
  capabilities = ["read"]
}
path "secret/data/atom/dataset" {
  capabilities = ["read"]
}
path "secret/data/atom/runtime/*" {
  capabilities = ["read"]
}

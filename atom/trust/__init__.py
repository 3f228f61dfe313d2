"""Who signed it: signature material and a tenant's trust policy in, a `Verification` or one precise error out.

Start at `verify.verify_signature`; `policy` says what a tenant accepts, `sign` and `keys` make signatures.
"""

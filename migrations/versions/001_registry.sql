-- Tenants, whom they trust, the packages they hold, and the verdicts on them.

create table tenants (
    id         uuid primary key,
    name       text not null unique check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    created_at timestamptz not null default now()
);

create table trusted_keys (
    tenant_id       uuid not null references tenants,
    id              uuid not null,
    name            text not null check (length(name) between 1 and 120),
    pem             text not null check (length(pem) <= 16384),
    key_id          text not null,          -- sha256 of the SubjectPublicKeyInfo, hex
    package_pattern text not null default '*',
    not_before      timestamptz,
    not_after       timestamptz,
    revoked_at      timestamptz,
    added_by        text not null,
    added_at        timestamptz not null default now(),
    primary key (tenant_id, id),
    unique (tenant_id, name),
    unique (tenant_id, key_id)
);

create table workflows (
    tenant_id    uuid not null references tenants,
    id           uuid not null,
    name         text not null,
    version      text not null,
    digest       text not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
    title        text not null,
    size         integer not null check (size > 0),
    object_key   text not null,
    signer       text not null,
    sig_kind     text not null,
    key_id       text,
    sig_time     timestamptz,               -- null: a plain key signature proves no time
    cosign_blob  bytea not null,            -- the signature material, exactly as it was received
    published_by text not null,
    received_at  timestamptz not null default now(),
    revoked_at   timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, name, version),
    unique (tenant_id, digest)
);

create table quarantined_uploads (
    tenant_id   uuid not null references tenants,
    id          uuid not null,
    digest      text not null,
    size        integer not null,
    object_key  text not null,
    problem     jsonb not null,
    uploaded_by text not null,
    received_at timestamptz not null default now(),
    expires_at  timestamptz not null,
    primary key (tenant_id, id)
);

create table verdicts (
    tenant_id      uuid not null references tenants,
    id             uuid not null,
    package_digest text not null,
    ruleset_digest text not null,
    digest         text not null,
    score          smallint not null check (score between 0 and 100),
    risk           text not null check (risk in ('safe', 'caution', 'unsafe')),
    mode           text not null check (mode in ('auto', 'manual')),
    body           jsonb not null,
    created_at     timestamptz not null default now(),
    primary key (tenant_id, id),
    unique (tenant_id, package_digest, ruleset_digest)
);

insert into tenants (id, name) values ('00000000-0000-7000-8000-000000000001', 'default');

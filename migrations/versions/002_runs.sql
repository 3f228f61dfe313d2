-- Runs and all that hangs on them: steps, approvals, the audit outbox, signals, backups, datasets.

create table workflow_runs (
    tenant_id           uuid not null references tenants,
    id                  uuid not null,
    workflow_id         uuid not null,
    package_digest      text not null,
    parameters          jsonb not null,
    parameters_digest   text not null,
    verdict_digest      text not null,
    trigger             text not null default 'manual',
    idempotency_key     text,
    status              text not null,
    requested_by        text not null,
    requested_at        timestamptz not null default now(),
    expires_at          timestamptz not null,     -- of an approval still outstanding
    dagster_run_id      text,
    pushed_at           timestamptz,              -- when Dagster was last asked to run it
    pushes              integer not null default 0,
    attempt             integer not null default 1 check (attempt between 1 and 100),
    worker              text,
    lease_expires_at    timestamptz,
    cancel_requested_at timestamptz,
    cancel_requested_by text,
    started_at          timestamptz,
    finished_at         timestamptz,
    outcome             text,
    error               jsonb,
    cluster             text,
    primary key (tenant_id, id),
    foreign key (tenant_id, workflow_id) references workflows (tenant_id, id),
    unique (tenant_id, idempotency_key),
    constraint status_known check (status in ('pending_approval', 'queued', 'running', 'succeeded', 'failed',
                                              'rolled_back', 'cancelled', 'rejected', 'expired', 'unknown'))
);
create index workflow_runs_newest on workflow_runs (tenant_id, requested_at desc, id desc);
create index workflow_runs_open on workflow_runs (tenant_id, status, requested_at)
    where status in ('pending_approval', 'queued', 'running');
create index workflow_runs_finished on workflow_runs (tenant_id, finished_at) where finished_at is not null;
create index workflow_runs_workflow on workflow_runs (tenant_id, workflow_id);

create table run_steps (
    tenant_id       uuid not null references tenants,
    id              uuid not null,
    run_id          uuid not null,
    attempt         integer not null,             -- of the run
    position        integer not null,             -- in the attempt, from 1
    phase           text not null check (phase in ('preflight', 'step', 'verify', 'compensation', 'rollback')),
    step_id         text not null,
    try             integer not null,             -- of the step, from 1
    uses            text,                         -- null: a preflight that only looks at earlier results
    effect          text not null check (effect in ('read', 'write', 'destroy')),
    status          text not null check (status in ('running', 'succeeded', 'failed', 'skipped', 'compensated', 'interrupted')),
    started_at      timestamptz not null,
    finished_at     timestamptz,
    cluster_seconds double precision,             -- on the cluster's clock, which the simulator lets run ahead
    result          jsonb,
    effects         jsonb not null default '[]',
    error           jsonb,
    primary key (tenant_id, id),
    unique (tenant_id, run_id, attempt, position),
    foreign key (tenant_id, run_id) references workflow_runs (tenant_id, id)
);

create table approvals (
    tenant_id         uuid not null references tenants,
    id                uuid not null,
    run_id            uuid not null,
    decision          text not null check (decision in ('approve', 'reject')),
    decided_by        text not null,
    decided_at        timestamptz not null default now(),
    reason            text,
    package_digest    text not null,
    parameters_digest text not null,
    verdict_digest    text not null,
    primary key (tenant_id, id),
    unique (tenant_id, run_id, decided_by),
    foreign key (tenant_id, run_id) references workflow_runs (tenant_id, id)
);

-- Written in the transaction of the change it tells of; the sealer moves it to audit_log.
create table audit_outbox (
    tenant_id   uuid not null references tenants,
    id          uuid not null,
    type        text not null,
    run_id      uuid,
    body        jsonb not null,
    recorded_at timestamptz not null default now(),
    primary key (tenant_id, id)
);

create table insight_signals (
    tenant_id    uuid not null references tenants,
    id           uuid not null,
    kind         text not null,
    labels       jsonb not null,
    direction    text not null check (direction in ('up', 'down')),
    score        double precision not null check (score between 0 and 1),
    baseline     double precision not null,
    value        double precision not null,
    window_start timestamptz not null,
    window_end   timestamptz not null,
    run_ids      uuid[] not null,
    dedupe_key   text not null,
    detected_at  timestamptz not null default now(),
    primary key (tenant_id, id),
    unique (tenant_id, dedupe_key)
);

create table datasets (
    tenant_id     uuid not null references tenants,
    id            uuid not null,
    version       text not null,
    object_prefix text not null,
    row_count     integer not null,
    manifest      jsonb not null,
    created_at    timestamptz not null default now(),
    primary key (tenant_id, id),
    unique (tenant_id, version)
);

-- Of the whole database, hence of no tenant.
create table backups (
    id           uuid primary key,
    object_key   text not null unique,
    sha256       text not null,
    size         bigint not null,
    tables       jsonb not null,                  -- table -> rows, counted in the dump's own snapshot
    made_at      timestamptz not null default now(),
    restored_at  timestamptz,
    restore_ok   boolean,
    restore_note text
);

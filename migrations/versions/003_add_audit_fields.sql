-- What an auditor asks of a run, the sealed log, and the rules that keep both as they were written.

alter table workflow_runs
    add column approved_by        text,
    add column approved_at        timestamptz,
    add column cosign_sig         text,           -- base64 of the package's signature material at the time of the run
    add column immutable_log_path text;           -- s3://bucket/key?versionId=… of the run's final audit record

create table audit_log (
    tenant_id         uuid not null references tenants,
    id                uuid not null,
    seq               bigint not null check (seq > 0),
    type              text not null,
    run_id            uuid,
    record            bytea not null,             -- RFC 8785 canonical JSON; its sha256 is record_hash
    record_hash       text not null,
    prev_record_hash  text not null,
    recorded_at       timestamptz not null,
    sealed_at         timestamptz not null default now(),
    object_key        text not null,
    object_version_id text,                       -- null until the object store has it
    primary key (tenant_id, id),
    unique (tenant_id, seq)
);
create index audit_log_run on audit_log (tenant_id, run_id, seq) where run_id is not null;
create index audit_log_unstored on audit_log (tenant_id, seq) where object_version_id is null;

create function audit_log_guard() returns trigger language plpgsql as $$
begin
    if tg_op <> 'UPDATE' or old.object_version_id is not null or
       to_jsonb(new) - 'object_version_id' is distinct from to_jsonb(old) - 'object_version_id' then
        raise exception 'audit_log is append-only' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
create trigger audit_log_guard before update or delete on audit_log for each row execute function audit_log_guard();
create trigger audit_log_no_truncate before truncate on audit_log execute function audit_log_guard();

-- The state machine of a run. What was asked for never changes; a finished run takes one last thing, the path of its
-- own record; a run interrupted before it changed anything may go back to the queue as its next attempt.
create function workflow_runs_guard() returns trigger language plpgsql as $$
declare
    finished constant text[] := array['succeeded', 'failed', 'rolled_back', 'cancelled', 'rejected', 'expired', 'unknown'];
begin
    if tg_op = 'DELETE' then
        raise exception 'runs are never deleted' using errcode = 'insufficient_privilege';
    end if;
    if tg_op = 'INSERT' then
        if new.status not in ('pending_approval', 'queued') then
            raise exception 'a run starts as pending_approval or queued, not %', new.status using errcode = 'check_violation';
        end if;
        return new;
    end if;
    if old.status = any (finished) then
        if old.immutable_log_path is null and new.immutable_log_path is not null and
           to_jsonb(new) - 'immutable_log_path' = to_jsonb(old) - 'immutable_log_path' then
            return new;
        end if;
        raise exception 'run % is % and can not change', old.id, old.status using errcode = 'check_violation';
    end if;
    if (new.tenant_id, new.id, new.workflow_id, new.package_digest, new.parameters, new.parameters_digest,
        new.verdict_digest, new.trigger, new.idempotency_key, new.requested_by, new.requested_at, new.expires_at)
       is distinct from
       (old.tenant_id, old.id, old.workflow_id, old.package_digest, old.parameters, old.parameters_digest,
        old.verdict_digest, old.trigger, old.idempotency_key, old.requested_by, old.requested_at, old.expires_at) then
        raise exception 'what was asked for in run % can not change', old.id using errcode = 'check_violation';
    end if;
    if new.status <> old.status and not (
        (old.status = 'pending_approval' and new.status in ('queued', 'rejected', 'expired', 'cancelled')) or
        (old.status = 'queued' and new.status in ('running', 'failed', 'cancelled')) or
        (old.status = 'running' and new.status in ('succeeded', 'failed', 'rolled_back', 'cancelled', 'unknown')) or
        (old.status = 'running' and new.status = 'queued' and new.attempt = old.attempt + 1)
    ) then
        raise exception 'run % can not go from % to %', old.id, old.status, new.status using errcode = 'check_violation';
    end if;
    if (new.status = any (finished)) <> (new.finished_at is not null) then
        raise exception 'finished_at belongs to finished runs, and to all of them' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger workflow_runs_guard before insert or update or delete on workflow_runs
    for each row execute function workflow_runs_guard();

create function approvals_guard() returns trigger language plpgsql as $$
begin
    raise exception 'a decision is never changed' using errcode = 'insufficient_privilege';
end $$;
create trigger approvals_guard before update or delete on approvals for each row execute function approvals_guard();

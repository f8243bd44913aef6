-- The vocabulary: the tables a check is written against, once for every source.
-- NULL always means that the source did not say. Only key columns are NOT NULL.
-- Instants are text `2026-01-01T00:00:05Z` (UTC), dates `2026-01-31`, booleans 1 and 0, JSON is text.
-- A collector's mapping.sql inserts into the tables its collector.toml names under `provides`; it never writes the
-- tables of the second part, which the engine fills. Tables are STRICT and closed words are CHECKed, so that a
-- mapping which invents a word or a type fails its own fixtures.

-- Filled by mapping.sql ------------------------------------------------------------------------------------------

-- One row per person, as the latest spell has it. Only rosters create persons.
CREATE TABLE person (
    person_key TEXT NOT NULL,           -- <source>:<employee_id>
    source TEXT NOT NULL,               -- configured source name
    employee_id TEXT,
    name TEXT,
    work_email TEXT,                    -- as the roster writes it
    other_emails TEXT,                  -- JSON array of texts
    manager_key TEXT,                   -- person_key of the manager
    department TEXT,
    employment_type TEXT,               -- employee, contractor, or the roster's own word
    start_date TEXT,
    end_date TEXT,                      -- last day of employment; NULL: no end is recorded
    end_recorded_at TEXT,               -- when the roster recorded the end, which is not when it takes effect
    status TEXT                         -- the roster's own word
) STRICT;

-- Every spell of employment of every person.
CREATE TABLE employment (
    person_key TEXT NOT NULL,
    source TEXT NOT NULL,
    spell INTEGER NOT NULL,             -- 1, 2, … in order of start
    start_date TEXT,
    end_date TEXT,                      -- last day; NULL: no end is recorded
    start_at TEXT,                      -- start of start_date in the organisation's zone; left NULL by mapping.sql, the engine computes it
    end_at TEXT,                        -- when the last day ends in the organisation's zone, mostly with the day itself; likewise
    employment_type TEXT,
    end_recorded_at TEXT
) STRICT;

-- One row per account that can act in a system.
CREATE TABLE account (
    account_key TEXT NOT NULL,          -- <source>:<login>
    source TEXT NOT NULL,
    system TEXT,                        -- configured source name
    native_id TEXT,                     -- the system's own immutable id
    login TEXT,
    email TEXT,
    employee_id TEXT,                   -- employee number that the system's own directory records for it
    external_id TEXT,                   -- id by which whoever provisions the account names it: SCIM externalId, an opaque SAML NameID
    display_name TEXT,
    kind TEXT CHECK (kind IN ('human', 'service', 'shared', 'break_glass', 'guest', 'root', 'unknown')),
    status TEXT CHECK (status IN ('enabled', 'disabled', 'invited', 'absent')),
    is_admin INTEGER CHECK (is_admin IN (0, 1)),
    mfa TEXT CHECK (mfa IN ('enforced', 'enrolled', 'none')),
    mfa_phishing_resistant INTEGER CHECK (mfa_phishing_resistant IN (0, 1)),
    created_at TEXT,
    last_active_at TEXT,                -- newest sign-in or use of any of its credentials
    password_enabled INTEGER CHECK (password_enabled IN (0, 1)),  -- can sign in with a password
    password_changed_at TEXT,
    password_expires INTEGER CHECK (password_expires IN (0, 1)),  -- must be changed after some time, however long
    password_max_age_days INTEGER       -- after how many days; NULL also where it never expires
) STRICT;

-- What an account may do: one row per grant.
CREATE TABLE entitlement (
    account_key TEXT NOT NULL,
    source TEXT NOT NULL,
    system TEXT,
    resource TEXT,
    resource_kind TEXT,
    role TEXT,                          -- the system's own word
    privilege TEXT,                     -- admin, write, read, …
    granted_at TEXT,
    via TEXT CHECK (via IN ('direct', 'group'))
) STRICT;

-- What an account proves itself with.
CREATE TABLE credential (
    account_key TEXT NOT NULL,
    source TEXT NOT NULL,
    kind TEXT CHECK (kind IN ('password', 'access_key', 'token', 'ssh_key', 'mfa_device')),
    native_id TEXT,
    status TEXT CHECK (status IN ('active', 'inactive')),
    created_at TEXT,
    last_used_at TEXT,
    expires_at TEXT
) STRICT;

-- Configuration values of a system, under the system's own names; booleans are the words true and false.
-- GitHub organisations: scope 'organisation', name 'two_factor_requirement_enabled'.
CREATE TABLE setting (
    source TEXT NOT NULL,
    system TEXT,
    scope TEXT,
    name TEXT NOT NULL,
    value TEXT
) STRICT;

-- Backup, copy and restore jobs.
CREATE TABLE backup_job (
    source TEXT NOT NULL,
    system TEXT,
    job_id TEXT NOT NULL,
    resource TEXT,
    kind TEXT CHECK (kind IN ('backup', 'copy', 'restore')),
    state TEXT,                         -- created, pending, running, completed, partial, failed, aborting, aborted, expired
    started_at TEXT,
    finished_at TEXT,
    bytes INTEGER,
    message TEXT
) STRICT;

-- Recovery points.
CREATE TABLE backup_point (
    source TEXT NOT NULL,
    system TEXT,
    resource TEXT,
    point_id TEXT NOT NULL,
    created_at TEXT,
    expires_at TEXT,
    encrypted INTEGER CHECK (encrypted IN (0, 1)),
    locked INTEGER CHECK (locked IN (0, 1)),
    copies TEXT,                        -- JSON array
    plan TEXT,                          -- the plan it was made by, as in backup_plan; NULL: by hand, or not said
    last_restored_at TEXT,              -- when it was last restored from
    vault TEXT                          -- what keeps it, where points are kept in vaults that can be locked
) STRICT;

-- What is planned to be backed up: one row per plan, part of it, and resource.
CREATE TABLE backup_plan (
    source TEXT NOT NULL,
    system TEXT,
    plan TEXT NOT NULL,
    resource TEXT,                      -- a name, or a pattern with `*`; NULL: chosen in another way, or none
    frequency TEXT,
    retention_days INTEGER,
    cross_region INTEGER CHECK (cross_region IN (0, 1)),
    vault_locked INTEGER CHECK (vault_locked IN (0, 1)),
    rule TEXT,                          -- the part of the plan that the row is about; NULL: it has no parts
    vault TEXT                          -- where its backups go, as in backup_point
) STRICT;

-- Repositories of source code.
CREATE TABLE repository (
    repository_key TEXT NOT NULL,       -- <source>:<name>
    source TEXT NOT NULL,
    system TEXT,
    native_id TEXT,                     -- the system's own immutable id
    name TEXT,
    visibility TEXT CHECK (visibility IN ('public', 'private', 'internal')),
    archived INTEGER CHECK (archived IN (0, 1)),  -- read-only for everybody
    fork INTEGER CHECK (fork IN (0, 1)),
    default_branch TEXT,
    created_at TEXT,
    last_pushed_at TEXT
) STRICT;

-- What holds for the default branch of a repository, whichever rules say so: one row per default branch that exists
-- and can be changed.
CREATE TABLE branch_rule (
    repository_key TEXT NOT NULL,
    source TEXT NOT NULL,
    branch TEXT,
    protected INTEGER CHECK (protected IN (0, 1)),  -- some rule is in force
    required_approvals INTEGER,         -- at least so many before a merge; 0: none
    stale_approvals_dismissed INTEGER CHECK (stale_approvals_dismissed IN (0, 1)),
    code_owner_review INTEGER CHECK (code_owner_review IN (0, 1)),
    last_push_approval INTEGER CHECK (last_push_approval IN (0, 1)),
    status_checks_required INTEGER CHECK (status_checks_required IN (0, 1)),
    force_push_allowed INTEGER CHECK (force_push_allowed IN (0, 1)),
    deletion_allowed INTEGER CHECK (deletion_allowed IN (0, 1)),
    admins_exempt INTEGER CHECK (admins_exempt IN (0, 1))  -- administrators need not keep them
) STRICT;

-- What came onto default branches: one row per merge, and per push past the merges.
CREATE TABLE change (
    change_key TEXT NOT NULL,           -- <source>:<repository>#<number>, or @<event> for a push
    source TEXT NOT NULL,
    repository_key TEXT,
    kind TEXT CHECK (kind IN ('pull_request', 'push', 'force_push')),
    number INTEGER,
    branch TEXT,
    author TEXT,                        -- login; NULL: the system does not name anybody
    contributors TEXT,                  -- JSON array of the logins that wrote or committed part of it
    approvers TEXT,                     -- JSON array of the logins whose approval stood when it was merged
    merged_by TEXT,
    merged_at TEXT,
    commit_id TEXT,                     -- the commit it became
    independent_approval INTEGER CHECK (independent_approval IN (0, 1))  -- approved by a person who had no part in it
) STRICT;

-- Filled by the engine -------------------------------------------------------------------------------------------

-- Which account belongs to which person, those that are listed no longer too. Accounts linked to nobody have no row.
CREATE TABLE identity_link (
    account_key TEXT NOT NULL,
    source TEXT NOT NULL,               -- the account's source
    person_key TEXT NOT NULL,
    method TEXT NOT NULL,               -- approved, employee_id, external_id, email, login_is_email
    confidence TEXT NOT NULL,           -- approved, exact
    approved_by TEXT,
    valid_from TEXT,
    valid_to TEXT
) STRICT;

-- Who an account might belong to as well, and does not: suggestions for a person to approve, and exact matches that the
-- configuration or a stronger link set aside. Never a link.
CREATE TABLE possible_match (
    account_key TEXT NOT NULL,
    source TEXT NOT NULL,               -- the account's source
    person_key TEXT NOT NULL,
    basis TEXT NOT NULL,                -- address, employee_id, external_id, former_holder, letter_case, plus_tag, dots, look_alike, local_part, display_name
    set_aside_by TEXT                   -- for an exact match: what says otherwise, in words; NULL: nothing was decided
) STRICT;

-- The account register of the configuration, one row per account a pattern names.
CREATE TABLE registered_account (
    account_key TEXT NOT NULL,
    source TEXT NOT NULL,
    kind TEXT,
    owner TEXT,                         -- as the register writes it: a person's key, address or name
    owner_key TEXT,                     -- person_key of the owner; NULL: no roster has a person of that key or address
    purpose TEXT,
    justification TEXT,                 -- why it may be an administrator, or exists although the rule is that it should not
    approved_by TEXT,                   -- who approved that
    valid_to TEXT,                      -- first instant the justification no longer holds; NULL: no end
    tested_at TEXT                      -- when break-glass access was last tried
) STRICT;

-- What earlier complete snapshots showed, from one change to the next: a row for each time over which a state was seen. What
-- happened lies between `before_at` and `since_at`. `listed` 0: the complete snapshots of that time did not list it.
CREATE TABLE account_history (
    account_key TEXT NOT NULL,
    source TEXT NOT NULL,
    newest_snapshot TEXT,               -- the newest complete snapshot of the source
    listed INTEGER NOT NULL CHECK (listed IN (0, 1)),
    status TEXT,
    is_admin INTEGER,
    kind TEXT,
    login TEXT,
    email TEXT,
    employee_id TEXT,
    external_id TEXT,
    before_at TEXT,                     -- what the last complete snapshot before it describes; NULL: it was so from the first one on
    since_at TEXT NOT NULL,             -- what the first snapshot that showed it describes
    since_snapshot TEXT,
    until_at TEXT NOT NULL,             -- what the last snapshot that showed it describes
    until_snapshot TEXT
) STRICT;

CREATE TABLE employment_history (
    person_key TEXT NOT NULL,
    source TEXT NOT NULL,
    newest_snapshot TEXT,
    spell INTEGER NOT NULL,
    listed INTEGER NOT NULL CHECK (listed IN (0, 1)),
    start_date TEXT,
    end_date TEXT,
    before_at TEXT,
    since_at TEXT NOT NULL,
    since_snapshot TEXT,
    until_at TEXT NOT NULL,
    until_snapshot TEXT
) STRICT;

CREATE TABLE person_history (
    person_key TEXT NOT NULL,
    source TEXT NOT NULL,
    newest_snapshot TEXT,
    listed INTEGER NOT NULL CHECK (listed IN (0, 1)),
    work_email TEXT,
    department TEXT,
    manager_key TEXT,
    before_at TEXT,
    since_at TEXT NOT NULL,
    since_snapshot TEXT,
    until_at TEXT NOT NULL,
    until_snapshot TEXT
) STRICT;

-- Every configured source, and the snapshot of it that checks read.
CREATE TABLE source (
    source TEXT NOT NULL,
    collector TEXT NOT NULL,
    max_age_seconds INTEGER NOT NULL,
    required INTEGER NOT NULL CHECK (required IN (0, 1)),
    snapshot TEXT,                      -- id of the latest snapshot at as_of; NULL: never collected
    seen_at TEXT                        -- the instant its rows describe: the older of observed_at and finished_at
) STRICT;

-- Every snapshot known at as_of.
CREATE TABLE snapshot (
    snapshot TEXT NOT NULL,
    source TEXT NOT NULL,
    collector TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('complete', 'incomplete', 'suspect', 'failed')),
    started_at TEXT NOT NULL,
    finished_at TEXT NOT NULL,
    observed_at TEXT,
    slot TEXT
) STRICT;

-- Every due slot known at as_of, and how it ended.
CREATE TABLE slot (
    source TEXT NOT NULL,
    due_at TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('complete', 'incomplete', 'suspect', 'failed', 'missed', 'skipped')),
    reason TEXT,
    snapshot TEXT
) STRICT;

-- How the populations of each source's latest snapshot were counted.
CREATE TABLE population_count (
    source TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    table_name TEXT NOT NULL,           -- the table whose rows are the population's members
    counted INTEGER NOT NULL,           -- members in the answers
    declared INTEGER,                   -- members by the source's own, independent count; NULL: it tells none
    declared_by TEXT                    -- where it tells it
) STRICT;

-- Every finding as it stood at as_of.
CREATE TABLE finding (
    finding TEXT NOT NULL,
    check_name TEXT,                    -- the check that raised it; NULL: a person did
    state TEXT NOT NULL,                -- draft, resolved, dismissed, confirmed, planned, implemented, verified, closed, accepted, reopened
    class TEXT,                         -- major, minor, opportunity, observation; NULL: nobody has confirmed it
    owner TEXT,
    due TEXT,                           -- last day to have it implemented
    due_at TEXT,                        -- first instant after that day in the organisation's zone
    raised_at TEXT NOT NULL,
    confirmed_at TEXT,
    open_items INTEGER NOT NULL         -- failing members not shown resolved
) STRICT;

-- Every exception that was approved and had begun by as_of.
CREATE TABLE exception (
    exception TEXT NOT NULL,
    check_name TEXT NOT NULL,           -- the check whose failures it tolerates
    subjects TEXT NOT NULL,             -- JSON array; `*` stands for any run of characters
    source TEXT,                        -- only where evidence of this source decided it
    approved_by TEXT,
    from_at TEXT NOT NULL,
    until_at TEXT NOT NULL,             -- first instant it no longer holds, by its own end or because it was revoked
    judged_at TEXT,                     -- instant of the newest evaluation of its check that said pass or fail
    open_items INTEGER NOT NULL         -- open items of findings that it names and no other exception covers
) STRICT;

-- Every access review that was started by as_of, as it stood then.
CREATE TABLE access_review (
    review TEXT NOT NULL,
    policy TEXT NOT NULL,
    state TEXT NOT NULL,                -- draft, collecting, open, remediating, awaiting_sign_off, closed, cancelled
    owner TEXT,                         -- who answers for it, by name or address
    started_at TEXT NOT NULL,
    opened_at TEXT,
    due_at TEXT,                        -- first instant it is overdue; NULL: it is not open yet
    ended_at TEXT,                      -- when it was signed or cancelled
    items INTEGER NOT NULL,             -- accounts reviewed
    undecided INTEGER NOT NULL          -- those of them without a decision
) STRICT;

-- Every account of every such review, as its decisions stood at as_of.
CREATE TABLE access_review_item (
    review TEXT NOT NULL,
    account_key TEXT NOT NULL,
    source TEXT,                        -- the account's source
    state TEXT NOT NULL,                -- pending, not_reviewed, decided
    answer TEXT,                        -- the one that counts: certify, revoke, modify, exception; NULL: none does yet
    decided_by TEXT,                    -- by name or address
    decided_at TEXT,
    own_access INTEGER CHECK (own_access IN (0, 1)),  -- whether somebody who decided holds the account or answers for it; NULL: nobody knows whose it is
    safeguard TEXT,                     -- the policy's recorded safeguard under which that was allowed
    removal TEXT,                       -- open, claimed, verified, carried; NULL: nothing is to go
    removal_due_at TEXT,                -- first instant it is overdue
    verified_at TEXT                    -- what showed it gone is of this instant
) STRICT;

-- How the log and the store are kept: one row.
CREATE TABLE log_state (
    origin TEXT NOT NULL,
    began_at TEXT NOT NULL,
    scrubbed_at TEXT,                   -- when all that is stored was last read and compared with the log; NULL: never
    damaged INTEGER NOT NULL,           -- stored things known to be damaged
    authorities INTEGER NOT NULL,       -- timestamp authorities configured
    stamped_at TEXT                     -- time of the newest token of one; NULL: none
) STRICT;

-- Checks join by these keys ----------------------------------------------------------------------------------------

CREATE INDEX person_by_key ON person (person_key);
CREATE INDEX employment_by_person ON employment (person_key, spell);
CREATE INDEX account_by_key ON account (account_key);
CREATE INDEX entitlement_by_account ON entitlement (account_key);
CREATE INDEX credential_by_account ON credential (account_key);
CREATE INDEX backup_job_by_resource ON backup_job (source, resource);
CREATE INDEX backup_point_by_resource ON backup_point (source, resource);
CREATE INDEX branch_rule_by_repository ON branch_rule (repository_key);
CREATE INDEX change_by_repository ON change (repository_key);
CREATE INDEX identity_link_by_account ON identity_link (account_key);
CREATE INDEX identity_link_by_person ON identity_link (person_key);
CREATE INDEX possible_match_by_account ON possible_match (account_key);
CREATE INDEX registered_account_by_account ON registered_account (account_key);
CREATE INDEX account_history_by_account ON account_history (account_key, since_at);
CREATE INDEX employment_history_by_person ON employment_history (person_key, spell);
CREATE INDEX person_history_by_person ON person_history (person_key);
CREATE INDEX access_review_item_by_account ON access_review_item (account_key);
CREATE INDEX snapshot_by_source ON snapshot (source, finished_at);

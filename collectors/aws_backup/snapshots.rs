//! Snapshots that RDS and EBS keep themselves, whoever asked for them: of DB instances, of DB clusters, of volumes.
//!
//! AWS counts them nowhere, so each listing is read at once and again part by part, like jobs. A snapshot of another
//! account or region among them is no member of this population, and makes the listing unbelievable.

use super::Run;
use crate::provider::aws::{Aws, AwsSettings, Element, Listing, Query, some};
use egress::Context;
use model::{CollectError, Count, Digest, Reason, ReasonCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The services beside AWS Backup that are asked.
pub(super) const SERVICES: [&str; 2] = ["rds", "ec2"];

const RDS_VERSION: &str = "2014-10-31";
const EC2_VERSION: &str = "2016-11-15";

/// One of the three listings.
struct Kind {
    listing: Listing,
    table: &'static str,
    /// What the parts are, in words.
    by: &'static str,
    /// The parts, in the order in which a snapshot passes through them.
    parts: &'static [&'static str],
    /// The parts that a listing of all does not hold.
    apart: &'static [&'static str],
    /// Parameters of a listing of all, and of one part.
    ask: fn(account: &str, part: Option<&str>) -> Parameters,
    read: fn(&Element, &AwsSettings) -> Result<Snapshot, String>,
}

type Parameters = Vec<(&'static str, String)>;

struct Snapshot {
    id: String,
    part: String,
    row: Value,
}

/// The types that count as this account's own; snapshots that others share are not asked for.
const RDS_TYPES: &[&str] = &["automated", "manual", "awsbackup"];

const INSTANCES: Kind = Kind {
    listing: Listing {
        operation: "rds:DescribeDBSnapshots",
        wrapped: true,
        list: "DBSnapshots",
        member: "DBSnapshot",
        page_size: ("MaxRecords", "100"),
        next_parameter: "Marker",
        next: "Marker",
    },
    table: "aws_rds_snapshot",
    by: "type by type",
    parts: RDS_TYPES,
    apart: &["awsbackup"],
    ask: of_type,
    read: of_instance,
};

const CLUSTERS: Kind = Kind {
    listing: Listing {
        operation: "rds:DescribeDBClusterSnapshots",
        list: "DBClusterSnapshots",
        member: "DBClusterSnapshot",
        ..INSTANCES.listing
    },
    table: "aws_rds_cluster_snapshot",
    read: of_cluster,
    ..INSTANCES
};

const VOLUMES: Kind = Kind {
    listing: Listing {
        operation: "ec2:DescribeSnapshots",
        wrapped: false,
        list: "snapshotSet",
        member: "item",
        page_size: ("MaxResults", "1000"),
        next_parameter: "NextToken",
        next: "nextToken",
    },
    table: "aws_ebs_snapshot",
    by: "state by state",
    parts: &["pending", "completed", "error", "recoverable", "recovering"],
    apart: &[],
    ask: of_state,
    read: of_volume,
};

/// Reads all three. A listing that fails leaves its own table out, with the reason.
pub(super) async fn read(ctx: &Context, aws: &Aws, run: &mut Run) -> Result<(), CollectError> {
    let rds = Query::connect(ctx, aws, "rds", RDS_VERSION).await?;
    let ec2 = Query::connect(ctx, aws, "ec2", EC2_VERSION).await?;
    for (query, kind) in [(&rds, INSTANCES), (&rds, CLUSTERS), (&ec2, VOLUMES)] {
        let listed = read_kind(query, &kind, run).await;
        run.unless(listed, &[kind.table])?;
    }
    Ok(())
}

async fn read_kind(query: &Query, kind: &Kind, run: &mut Run) -> Result<(), CollectError> {
    let mut twice = both(query, kind, &run.settings).await?;
    if !twice.agree() {
        // one may have been made, or its time have run out, between the two readings
        twice = both(query, kind, &run.settings).await?;
    }
    let operation = kind.listing.operation;
    if !twice.strays.is_empty() {
        let strays: Vec<&str> = twice.strays.iter().map(String::as_str).collect();
        let message = format!(
            "{operation}: {} snapshots came in a part that is not theirs, or twice and not alike: {}",
            strays.len(),
            some(&strays)
        );
        run.reasons.push(Reason::new(ReasonCode::Malformed, message).table(kind.table));
    }
    if twice.at_once != twice.by_part {
        let one: Vec<&str> = twice.at_once.symmetric_difference(&twice.by_part).map(String::as_str).collect();
        let message =
            format!("{operation}: {} snapshots are in one of the two listings only: {}", one.len(), some(&one));
        run.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table(kind.table));
    }
    run.counts.push(Count {
        table: kind.table.to_owned(),
        counted: twice.at_once.len() as u64,
        declared: Some(twice.by_part.len() as u64),
        declared_by: Some(format!("{operation} {}", kind.by)),
    });
    twice.rows.into_iter().try_for_each(|row| run.add(kind.table, row))
}

/// One reading at once and one part by part.
#[derive(Default)]
struct Twice {
    rows: Vec<Value>,
    /// Ids of those listed at once, with those that only a part lists.
    at_once: BTreeSet<String>,
    by_part: BTreeSet<String>,
    /// Ids of those listed in a part that is not the one they name, or twice with different content.
    strays: BTreeSet<String>,
}

impl Twice {
    fn agree(&self) -> bool {
        self.at_once == self.by_part && self.strays.is_empty()
    }
}

async fn both(query: &Query, kind: &Kind, settings: &AwsSettings) -> Result<Twice, CollectError> {
    let mut twice = Twice::default();
    let mut parts = BTreeSet::new();
    let add = |snapshot: Snapshot, twice: &mut Twice| {
        twice.at_once.insert(snapshot.id);
        twice.rows.push(snapshot.row);
    };
    for snapshot in listed(query, kind, settings, None).await? {
        parts.insert(snapshot.part.clone());
        add(snapshot, &mut twice);
    }
    // a part AWS has come to use since this was written is asked for too
    let new = parts.iter().map(String::as_str).filter(|part| !kind.parts.contains(part));
    let mut contents: BTreeMap<String, Digest> = BTreeMap::new();
    for part in kind.parts.iter().copied().chain(new) {
        for snapshot in listed(query, kind, settings, Some(part)).await? {
            let content = Digest::of(snapshot.row.to_string().as_bytes());
            let before = contents.insert(snapshot.id.clone(), content);
            if snapshot.part != part || before.is_some_and(|before| before != content) {
                twice.strays.insert(snapshot.id.clone());
            }
            twice.by_part.insert(snapshot.id.clone());
            if kind.apart.contains(&part) {
                add(snapshot, &mut twice);
            }
        }
    }
    Ok(twice)
}

async fn listed(
    query: &Query,
    kind: &Kind,
    settings: &AwsSettings,
    part: Option<&str>,
) -> Result<Vec<Snapshot>, CollectError> {
    let parameters = (kind.ask)(&settings.account_id, part);
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    query.list(&kind.listing, &parameters, |member| (kind.read)(member, settings)).await
}

fn of_type(_: &str, part: Option<&str>) -> Parameters {
    part.map(|part| ("SnapshotType", part.to_owned())).into_iter().collect()
}

/// Without an owner, EC2 lists every snapshot that anybody made public.
fn of_state(account: &str, part: Option<&str>) -> Parameters {
    let mut parameters = vec![("Owner.1", account.to_owned())];
    if let Some(part) = part {
        parameters.extend([("Filter.1.Name", "status".to_owned()), ("Filter.1.Value.1", part.to_owned())]);
    }
    parameters
}

fn of_instance(member: &Element, settings: &AwsSettings) -> Result<Snapshot, String> {
    let arn = own_arn(member, "DBSnapshotArn", settings)?;
    let (kind, source) = (required(member, "SnapshotType")?, member.text("SourceDBSnapshotIdentifier")?);
    let row = json!({
        "snapshot_arn": arn,
        "snapshot_id": required(member, "DBSnapshotIdentifier")?,
        "instance_id": required(member, "DBInstanceIdentifier")?,
        "instance_arn": resource(source.unwrap_or(arn), "db", required(member, "DBInstanceIdentifier")?),
        "snapshot_type": kind,
        "status": required(member, "Status")?,
        "created_at": member.instant("SnapshotCreateTime")?,
        "original_created_at": member.instant("OriginalSnapshotCreateTime")?,
        "engine": member.cell("Engine")?,
        "encrypted": member.boolean("Encrypted")?,
        "encryption_type": member.cell("StorageEncryptionType")?,
        "kms_key_id": member.cell("KmsKeyId")?,
        "retention_days": member.integer("BackupRetentionPeriod")?,
        "source_snapshot": source,
        "source_region": member.cell("SourceRegion")?,
        "allocated_gib": member.integer("AllocatedStorage")?,
        "bytes": member.integer("FullSnapshotSizeInBytes")?,
    });
    Ok(Snapshot { id: arn.to_owned(), part: kind.to_owned(), row })
}

fn of_cluster(member: &Element, settings: &AwsSettings) -> Result<Snapshot, String> {
    let arn = own_arn(member, "DBClusterSnapshotArn", settings)?;
    let (kind, source) = (required(member, "SnapshotType")?, member.text("SourceDBClusterSnapshotArn")?);
    let row = json!({
        "snapshot_arn": arn,
        "snapshot_id": required(member, "DBClusterSnapshotIdentifier")?,
        "cluster_id": required(member, "DBClusterIdentifier")?,
        "cluster_arn": resource(source.unwrap_or(arn), "cluster", required(member, "DBClusterIdentifier")?),
        "snapshot_type": kind,
        "status": required(member, "Status")?,
        "created_at": member.instant("SnapshotCreateTime")?,
        "engine": member.cell("Engine")?,
        "encrypted": member.boolean("StorageEncrypted")?,
        "encryption_type": member.cell("StorageEncryptionType")?,
        "kms_key_id": member.cell("KmsKeyId")?,
        "retention_days": member.integer("BackupRetentionPeriod")?,
        "source_snapshot": source,
        "allocated_gib": member.integer("AllocatedStorage")?,
    });
    Ok(Snapshot { id: arn.to_owned(), part: kind.to_owned(), row })
}

fn of_volume(member: &Element, settings: &AwsSettings) -> Result<Snapshot, String> {
    let (id, state, owner) =
        (required(member, "snapshotId")?, required(member, "status")?, required(member, "ownerId")?);
    if owner != settings.account_id {
        return Err(format!("`{id}` belongs to account {owner}, which was not asked for"));
    }
    let description = member.text("description")?;
    // EC2 gives a copy an arbitrary volume
    let is_copy = member.text("transferType")?.is_some()
        || member.text("volumeId")? == Some("vol-ffffffff")
        || description.is_some_and(|text| text.starts_with("[Copied snap-"));
    let volume = member.text("volumeId")?.filter(|_| !is_copy);
    let (partition, region) = (settings.partition(), &settings.region);
    let row = json!({
        "snapshot_id": id,
        // as AWS Backup names it: without an account
        "snapshot_arn": format!("arn:{partition}:ec2:{region}::snapshot/{id}"),
        "volume_id": volume,
        "volume_arn": volume.map(|volume| format!("arn:{partition}:ec2:{region}:{owner}:volume/{volume}")),
        "is_copy": is_copy,
        "owner_id": owner,
        "state": state,
        "state_message": member.cell("statusMessage")?,
        "started_at": member.instant("startTime")?,
        "completed_at": member.instant("completionTime")?,
        "encrypted": member.boolean("encrypted")?,
        "kms_key_id": member.cell("kmsKeyId")?,
        "storage_tier": member.cell("storageTier")?,
        "description": description,
        "lifecycle_policy": tag(member, "aws:dlm:lifecycle-policy-id")?,
        "volume_gib": member.integer("volumeSize")?,
        "bytes": member.integer("fullSnapshotSizeInBytes")?,
    });
    Ok(Snapshot { id: id.to_owned(), part: state.to_owned(), row })
}

/// The value of a tag; only AWS can give tags that begin with `aws:`.
fn tag<'a>(member: &'a Element, key: &str) -> Result<Option<&'a str>, String> {
    for tag in member.child("tagSet")?.iter().flat_map(|tags| &tags.children) {
        if tag.text("key")? == Some(key) {
            return tag.text("value");
        }
    }
    Ok(None)
}

fn required<'a>(member: &'a Element, name: &str) -> Result<&'a str, String> {
    member.text(name)?.ok_or_else(|| format!("a snapshot without `{name}`"))
}

/// The ARN of a snapshot, if it is of this account and region: `arn:<partition>:rds:<region>:<account>:...`.
fn own_arn<'a>(member: &'a Element, name: &str, settings: &AwsSettings) -> Result<&'a str, String> {
    let arn = required(member, name)?;
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "rds", region, account, _, _, ..]
            if (*region, *account) == (settings.region.as_str(), settings.account_id.as_str()) =>
        {
            Ok(arn)
        }
        _ => Err(format!("`{arn}` is no snapshot of this account and region, and was not asked for")),
    }
}

/// The ARN of what a snapshot was made of, where the snapshot, or the one it was copied from, is.
fn resource(snapshot: &str, kind: &str, id: &str) -> Value {
    let parts: Vec<&str> = snapshot.split(':').collect();
    match parts.as_slice() {
        ["arn", partition, service, region, account, _, ..] => {
            json!(format!("arn:{partition}:{service}:{region}:{account}:{kind}:{id}"))
        }
        // a copy of something that is not said
        _ => Value::Null,
    }
}

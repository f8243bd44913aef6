"""Makes DB instances, DB clusters and volumes with snapshots in the AWS API emulator, over HTTP through boto3.

    snapshots_aws.py ENDPOINT REGION EACH

EACH is how many snapshots of each kind are made beside those the emulator takes by itself. Prints what the emulator then
holds, as JSON in the form of the product's tables. The ARN of what a snapshot is of is asked of that, and not of the
snapshot.
"""

import json
import sys

import boto3
from botocore.config import Config

endpoint, region, each = sys.argv[1], sys.argv[2], int(sys.argv[3])
ACCOUNT = "123456789012"


def client(service):
    keys = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "example"}
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client(service, endpoint_url=endpoint, region_name=region, config=config, **keys)


def instant(value):
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if value else None


rds, ec2 = client("rds"), client("ec2")
owner = {"MasterUsername": "owner", "MasterUserPassword": "not-a-real-one-1"}
for number, database in enumerate(["orders", "ledger", "mail"]):
    rds.create_db_instance(
        DBInstanceIdentifier=database,
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20 + number,
        StorageEncrypted=number != 1,
        **owner,
    )
for cluster in ["shop", "search"]:
    rds.create_db_cluster(
        DBClusterIdentifier=cluster, Engine="aurora-postgresql", StorageEncrypted=cluster == "shop", **owner
    )
volumes = [
    ec2.create_volume(AvailabilityZone=f"{region}a", Size=8 + number, Encrypted=number % 2 == 0)["VolumeId"]
    for number in range(4)
]
for number in range(each):
    database, cluster = ["orders", "ledger", "mail"][number % 3], ["shop", "search"][number % 2]
    rds.create_db_snapshot(DBSnapshotIdentifier=f"{database}-{number}", DBInstanceIdentifier=database)
    rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=f"{cluster}-{number}", DBClusterIdentifier=cluster)
    ec2.create_snapshot(VolumeId=volumes[number % 4], Description=f"R&D <{number}> é")

instances = {i["DBInstanceIdentifier"]: i["DBInstanceArn"] for i in rds.describe_db_instances()["DBInstances"]}
clusters = {c["DBClusterIdentifier"]: c["DBClusterArn"] for c in rds.describe_db_clusters()["DBClusters"]}
held = {
    "aws_rds_snapshot": [
        {
            "snapshot_arn": s["DBSnapshotArn"],
            "snapshot_id": s["DBSnapshotIdentifier"],
            "instance_id": s["DBInstanceIdentifier"],
            "instance_arn": instances[s["DBInstanceIdentifier"]],
            "snapshot_type": s["SnapshotType"],
            "status": s["Status"],
            "created_at": instant(s["SnapshotCreateTime"]),
            "original_created_at": instant(s["OriginalSnapshotCreateTime"]),
            "engine": s["Engine"],
            "encrypted": int(s["Encrypted"]),
            "kms_key_id": s.get("KmsKeyId"),
            "allocated_gib": s["AllocatedStorage"],
        }
        for s in rds.describe_db_snapshots()["DBSnapshots"]
    ],
    "aws_rds_cluster_snapshot": [
        {
            "snapshot_arn": s["DBClusterSnapshotArn"],
            "snapshot_id": s["DBClusterSnapshotIdentifier"],
            "cluster_id": s["DBClusterIdentifier"],
            "cluster_arn": clusters[s["DBClusterIdentifier"]],
            "snapshot_type": s["SnapshotType"],
            "status": s["Status"],
            "created_at": instant(s["SnapshotCreateTime"]),
            "engine": s["Engine"],
            "encrypted": int(s["StorageEncrypted"]),
        }
        for s in rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]
    ],
    "aws_ebs_snapshot": [
        {
            "snapshot_id": s["SnapshotId"],
            "snapshot_arn": f"arn:aws:ec2:{region}::snapshot/{s['SnapshotId']}",
            "volume_id": s["VolumeId"],
            "volume_arn": f"arn:aws:ec2:{region}:{ACCOUNT}:volume/{s['VolumeId']}",
            "owner_id": s["OwnerId"],
            "state": s["State"],
            "started_at": instant(s["StartTime"]),
            "encrypted": int(s["Encrypted"]),
            "storage_tier": s["StorageTier"],
            "description": s["Description"],
            "volume_gib": s["VolumeSize"],
        }
        for s in ec2.describe_snapshots()["Snapshots"]
    ],
}
json.dump({table: [dict(sorted(row.items())) for row in rows] for table, rows in held.items()}, sys.stdout)

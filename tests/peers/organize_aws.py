"""Makes an organisation with units and accounts in the AWS API emulator, and a user in each of its first accounts.

    organize_aws.py ENDPOINT ACCOUNTS

Prints what the emulator then holds, as JSON: the accounts in the form of the product's table, by way of each account's
own description and parents, and the ids in the order they were made.
"""

import json
import sys

import boto3
from botocore.config import Config

endpoint, wanted = sys.argv[1], int(sys.argv[2])
MANAGEMENT = "123456789012"


def client(service, **keys):
    keys = keys or {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "example"}
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", config=config, **keys)


organizations, sts = client("organizations"), client("sts")
organizations.create_organization(FeatureSet="ALL")
root = organizations.list_roots()["Roots"][0]["Id"]


def unit(parent, name):
    return organizations.create_organizational_unit(ParentId=parent, Name=name)["OrganizationalUnit"]["Id"]


workloads = unit(root, "Workloads")
units = {root: ["Root"], workloads: ["Root", "Workloads"]}
for name in ["Production", "Testing"]:
    units[unit(workloads, name)] = ["Root", "Workloads", name]
places = list(units)

made = []
for number in range(wanted):
    created = organizations.create_account(AccountName=f"account-{number}", Email=f"aws+{number}@example.com")
    account = created["CreateAccountStatus"]["AccountId"]
    made.append(account)
    # most are in one unit, so that its accounts do not fit on a page
    place = places[number % len(places)] if number % 4 == 0 else places[2]
    if place != root:
        organizations.move_account(AccountId=account, SourceParentId=root, DestinationParentId=place)
    if number < 3:
        role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
        keys = sts.assume_role(RoleArn=role, RoleSessionName="made")["Credentials"]
        iam = client(
            "iam",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        for user in range(number + 1):
            iam.create_user(UserName=f"user-{number}-{user}")
organizations.close_account(AccountId=made[-1])

rows = []
for account in made + [MANAGEMENT]:
    told = organizations.describe_account(AccountId=account)["Account"]
    parent = organizations.list_parents(ChildId=account)["Parents"][0]["Id"]
    rows.append(
        {
            "account_id": account,
            "arn": told["Arn"],
            "name": told["Name"],
            "email": told["Email"],
            "state": told["State"],
            "joined_method": told["JoinedMethod"],
            "joined_at": told["JoinedTimestamp"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "parent_id": parent,
            "path": json.dumps(units[parent], separators=(",", ":")),
            "is_management": int(account == MANAGEMENT),
        }
    )
json.dump({"accounts": made, "aws_account": rows}, sys.stdout)

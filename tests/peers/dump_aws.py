"""What the AWS API emulator holds, as boto3 reports it, in the form of the product's tables: JSON on standard output.

    dump_aws.py ENDPOINT CREATED

Where there is another way to ask than the collector's, that way is taken: groups name their members, policies name who
has them. Passwords and keys are not read from the credential report: CREATED is what `populate_aws.py` printed about
them, and every tenth user is asked whether the emulator still says so.
"""

import json
import sys

import boto3

with open(sys.argv[2]) as file:
    created = json.load(file)
iam = boto3.client(
    "iam",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="AKIAEXAMPLE",
    aws_secret_access_key="example",
)


def listed(operation, key, **parameters):
    pages = iam.get_paginator(operation).paginate(**parameters)
    return [member for page in pages for member in page[key]]


def text(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def names(values):
    return text(sorted(values))


def instant(value):
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if value else None


def allows_everything(document):
    statements = [document["Statement"]] if isinstance(document["Statement"], dict) else document["Statement"]
    return any((s["Effect"], s["Action"], s["Resource"]) == ("Allow", "*", "*") for s in statements)


# who has which policy, asked of the policies; inline ones of their owners
attached, everything = {}, set()
policies = listed("list_policies", "Policies", Scope="Local")
for policy in policies:
    arn = policy["Arn"]
    for kind, key in [("user", "PolicyUsers"), ("group", "PolicyGroups"), ("role", "PolicyRoles")]:
        for holder in listed("list_entities_for_policy", key, PolicyArn=arn):
            attached.setdefault((kind, holder[f"{kind.title()}Name"]), []).append((arn, policy["PolicyName"]))
    version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    if allows_everything(version["Document"]):
        everything.add(arn)
inline = {}


def note_inline(kind, name, policy, document):
    inline.setdefault((kind, name), []).append(policy)
    if allows_everything(document):
        everything.add((kind, name, policy))


def holds_everything(kind, name):
    by_arn = any(arn in everything for arn, _ in attached.get((kind, name), []))
    return by_arn or any((kind, name, policy) in everything for policy in inline.get((kind, name), []))


groups = listed("list_groups", "Groups")
members = []
for group in groups:
    name = group["GroupName"]
    members += [(name, user["UserName"]) for user in listed("get_group", "Users", GroupName=name)]
    for policy in listed("list_group_policies", "PolicyNames", GroupName=name):
        note_inline("group", name, policy, iam.get_group_policy(GroupName=name, PolicyName=policy)["PolicyDocument"])

roles = listed("list_roles", "Roles")
for role in roles:
    name = role["RoleName"]
    for policy in listed("list_role_policies", "PolicyNames", RoleName=name):
        note_inline("role", name, policy, iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])

# inline policies and tags of all users are read at once; calls for each would say the same
tags_of = {}
for detail in listed("get_account_authorization_details", "UserDetailList", Filter=["User"]):
    tags_of[detail["UserName"]] = {tag["Key"]: tag["Value"] for tag in detail.get("Tags", [])}
    for policy in detail.get("UserPolicyList", []):
        note_inline("user", detail["UserName"], policy["PolicyName"], policy["PolicyDocument"])

devices = listed("list_virtual_mfa_devices", "VirtualMFADevices")
with_device = {device["User"]["UserName"] for device in devices if device.get("User")}
groups_of = {}
for group, user in members:
    groups_of.setdefault(user, []).append(group)


def sign_in(name):
    try:
        password = iam.get_login_profile(UserName=name)["LoginProfile"]["UserName"] == name
    except iam.exceptions.NoSuchEntityException:
        password = False
    keys = listed("list_access_keys", "AccessKeyMetadata", UserName=name)
    keys = [[key["AccessKeyId"], key["Status"], instant(key["CreateDate"])] for key in keys]
    return {"password": password, "keys": keys}


users = listed("list_users", "Users")
for user in users[::10]:
    name = user["UserName"]
    assert sign_in(name) == created[name], f"{name}: {sign_in(name)} and not {created[name]}"

tables = {
    "aws_iam_user": [],
    "aws_iam_access_key": [],
    "aws_iam_mfa_device": [
        {
            "serial_number": device["SerialNumber"],
            "kind": "virtual",
            "user_name": device["User"]["UserName"] if device.get("User") else None,
            "enabled_at": instant(device.get("EnableDate")),
        }
        for device in devices
    ],
    "aws_iam_group": [
        {
            "group_name": group["GroupName"],
            "group_id": group["GroupId"],
            "arn": group["Arn"],
            "path": group["Path"],
            "created_at": instant(group["CreateDate"]),
            "attached_policies": names(arn for arn, _ in attached.get(("group", group["GroupName"]), [])),
            "inline_policies": names(inline.get(("group", group["GroupName"]), [])),
            "is_administrator": int(holds_everything("group", group["GroupName"])),
        }
        for group in groups
    ],
    "aws_iam_role": [
        {
            "role_name": role["RoleName"],
            "role_id": role["RoleId"],
            "arn": role["Arn"],
            "path": role["Path"],
            "created_at": instant(role["CreateDate"]),
            "trust_policy": text(role["AssumeRolePolicyDocument"]),
            "attached_policies": names(arn for arn, _ in attached.get(("role", role["RoleName"]), [])),
            "inline_policies": names(inline.get(("role", role["RoleName"]), [])),
            "is_administrator": int(holds_everything("role", role["RoleName"])),
        }
        for role in roles
    ],
    "aws_iam_group_member": [{"group_name": group, "user_name": user} for group, user in members],
    "aws_iam_attached_policy": [
        {"principal_kind": kind, "principal": name, "policy": arn, "policy_name": policy, "policy_kind": "customer_managed"}
        for (kind, name), held in attached.items()
        for arn, policy in held
    ]
    + [
        {
            "principal_kind": kind,
            "principal": name,
            "policy": f"inline:{policy}",
            "policy_name": policy,
            "policy_kind": "inline",
        }
        for (kind, name), held in inline.items()
        for policy in held
    ],
    # without its name: the emulator leaves that out of the answer the collector reads
    "aws_iam_policy": [
        {
            "arn": policy["Arn"],
            "created_at": instant(policy["CreateDate"]),
            "default_version": policy["DefaultVersionId"],
            "attachment_count": policy["AttachmentCount"],
            "is_administrator": int(policy["Arn"] in everything),
        }
        for policy in policies
    ],
}
for user in users:
    name = user["UserName"]
    keys = created[name]["keys"]
    active = [status == "Active" for _, status, _ in keys] + [False, False]
    own = holds_everything("user", name)
    tables["aws_iam_user"].append(
        {
            "user_name": name,
            "user_id": user["UserId"],
            "arn": user["Arn"],
            "path": user["Path"],
            "created_at": instant(user["CreateDate"]),
            "tags": text(tags_of[name]),
            "password_enabled": int(created[name]["password"]),
            "mfa_active": int(name in with_device),
            "access_key_1_active": int(active[0]),
            "access_key_2_active": int(active[1]),
            "groups": names(groups_of.get(name, [])),
            "attached_policies": names(arn for arn, _ in attached.get(("user", name), [])),
            "inline_policies": names(inline.get(("user", name), [])),
            "is_administrator": int(own or any(holds_everything("group", group) for group in groups_of.get(name, []))),
        }
    )
    for slot, (_, status, made) in enumerate(keys, 1):
        tables["aws_iam_access_key"].append(
            {
                "user_name": name,
                "slot": str(slot),
                "active": int(status == "Active"),
                "last_rotated_at": made,
            }
        )
json.dump(tables, sys.stdout, ensure_ascii=False)

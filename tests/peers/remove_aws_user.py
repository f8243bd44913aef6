"""Removes a user from the AWS API emulator as AWS demands it: first everything the user has, then the user.

    remove_aws_user.py ENDPOINT USER
"""

import sys

import boto3

endpoint, user = sys.argv[1:]
iam = boto3.client(
    "iam",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="AKIAEXAMPLE",
    aws_secret_access_key="example",
)
for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
    iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
for device in iam.list_mfa_devices(UserName=user)["MFADevices"]:
    iam.deactivate_mfa_device(UserName=user, SerialNumber=device["SerialNumber"])
for group in iam.list_groups_for_user(UserName=user)["Groups"]:
    iam.remove_user_from_group(UserName=user, GroupName=group["GroupName"])
for policy in iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]:
    iam.detach_user_policy(UserName=user, PolicyArn=policy["PolicyArn"])
for policy in iam.list_user_policies(UserName=user)["PolicyNames"]:
    iam.delete_user_policy(UserName=user, PolicyName=policy)
try:
    iam.delete_login_profile(UserName=user)
except iam.exceptions.NoSuchEntityException:
    pass
iam.delete_user(UserName=user)

"""Fills the AWS API emulator, over HTTP through boto3, with users who differ in everything an account can say of them.

    populate_aws.py ENDPOINT USERS

What a user has follows from its number alone, so that every combination comes up and nothing is random. Prints what the
emulator answered about passwords and access keys, by user, as JSON: reading it again would take two calls for each.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

endpoint, users = sys.argv[1], int(sys.argv[2])
THREADS, GROUPS, POLICIES, ROLES = 4, 20, 10, 7

config = Config(max_pool_connections=THREADS, retries={"total_max_attempts": 1}, parameter_validation=False)
iam = boto3.client(
    "iam",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="AKIAEXAMPLE",
    aws_secret_access_key="example",
    config=config,
)


def allow(action, resource="arn:aws:s3:::sample/*"):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def policy(number):
    # the first is an administrator's
    document = allow("*", "*") if number == 0 else allow(f"s3:Get{number}")
    return iam.create_policy(PolicyName=f"policy-{number}", PolicyDocument=document)["Policy"]["Arn"]


def group(number):
    name = f"group-{number}"
    iam.create_group(GroupName=name, Path="/" if number % 2 else "/teams/")
    if number % 3 == 0:
        iam.attach_group_policy(GroupName=name, PolicyArn=policies[number % POLICIES])
    if number % 4 == 0:
        iam.put_group_policy(GroupName=name, PolicyName="written-in", PolicyDocument=allow("s3:List*"))
    return name


def role(number):
    name = f"role-{number}"
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName=name, Path="/" if number % 2 else "/service/", AssumeRolePolicyDocument=document)
    if number % 3 == 0:
        iam.attach_role_policy(RoleName=name, PolicyArn=policies[number % POLICIES])
    if number % 4 == 1:
        iam.put_role_policy(RoleName=name, PolicyName="written-in", PolicyDocument=allow("s3:List*"))


def user(number):
    name = f"user-{number:04}"
    tags = [{"Key": "email", "Value": f"{name}@example.org"}] if number % 6 else []
    if number % 10 == 0:
        tags.append({"Key": "name", "Value": f"Zoë Łukasz = {number}"})
    iam.create_user(UserName=name, Path="/contractors/" if number % 7 == 0 else "/", Tags=tags)
    if number % 3:
        iam.add_user_to_group(UserName=name, GroupName=groups[number % GROUPS])
    if number % 16 == 0:
        iam.add_user_to_group(UserName=name, GroupName=groups[(number + 1) % GROUPS])
    if number % 6 == 0:
        iam.attach_user_policy(UserName=name, PolicyArn=policies[number % POLICIES])
    if number % 11 == 0:
        iam.put_user_policy(UserName=name, PolicyName="own-1", PolicyDocument=allow("s3:Put*"))
    if number % 25 == 0:
        iam.put_user_policy(UserName=name, PolicyName="own-2", PolicyDocument=allow("*", "*"))
    password = False
    if number % 3 == 0:
        password = iam.create_login_profile(UserName=name, Password="not-a-real-one-1")["LoginProfile"]["UserName"] == name
    if number % 5 == 0:
        device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]["SerialNumber"]
        # every fourth is left in a drawer
        if number % 4:
            iam.enable_mfa_device(
                UserName=name, SerialNumber=device, AuthenticationCode1="123456", AuthenticationCode2="654321"
            )
    keys = []
    wanted = {1: ["Active"], 3: ["Inactive"], 6: ["Inactive", "Active"], 7: ["Active", "Active"]}
    for status in wanted.get(number % 8, []):
        key = iam.create_access_key(UserName=name)["AccessKey"]
        if status == "Inactive":
            iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status=status)
        keys.append([key["AccessKeyId"], status, key["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ")])
    return name, {"password": password, "keys": keys}


policies = [policy(number) for number in range(POLICIES)]
groups = [group(number) for number in range(GROUPS)]
for number in range(ROLES):
    role(number)
with ThreadPoolExecutor(THREADS) as pool:
    json.dump(dict(pool.map(user, range(users))), sys.stdout)

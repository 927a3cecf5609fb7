"""
What is watched of every site: what users meet, the hosts, the database, the certificate.

Promise: the same in test and prod; each has a name that a runbook is found by.
"""

from pulumi import Input

from provisioning.aws.alarms import Watch

AGENT = "CWAgent"
"""Namespace of what the hosts' own agent measures."""


def watched_of_site(
    *,
    balancer: Input[str],
    targets: Input[str],
    scaling_group: Input[str],
    stack: str,
    database: Input[str],
    connections: int,
    certificate: Input[str],
) -> dict[str, Watch]:
    """
    Return what is watched of every site.

    Args:
        balancer: The load balancer's suffix, as metrics name it; `targets` likewise the target group's.
        stack: As the hosts' own agent names what it measures.
        connections: How many sessions the database takes.
        certificate: ARN.
    """
    at_balancer = {"LoadBalancer": balancer, "TargetGroup": targets}
    at_database = {"DBInstanceIdentifier": database}
    elb, rds = "AWS/ApplicationELB", "AWS/RDS"
    return {
        "site-errors": Watch(
            about="The application answers with faults",
            namespace=elb,
            metric="HTTPCode_Target_5XX_Count",
            statistic="Sum",
            limit=5,
            dimensions=at_balancer,
            silence_is_good=True,
        ),
        "site-slow": Watch(
            about="One answer in twenty takes more than two seconds",
            namespace=elb,
            metric="TargetResponseTime",
            statistic="p95",
            limit=2,
            dimensions=at_balancer,
            silence_is_good=True,
        ),
        "hosts-unhealthy": Watch(
            about="A host does not answer the load balancer",
            namespace=elb,
            metric="HealthyHostCount",
            statistic="Minimum",
            limit=1,
            below=True,
            dimensions=at_balancer,
        ),
        "hosts-busy": Watch(
            about="The hosts compute without pause",
            namespace="AWS/EC2",
            metric="CPUUtilization",
            limit=85,
            periods=15,
            dimensions={"AutoScalingGroupName": scaling_group},
        ),
        "hosts-memory": Watch(
            about="A host has hardly any memory left",
            namespace=AGENT,
            metric="mem_used_percent",
            statistic="Maximum",
            limit=90,
            periods=10,
            dimensions={"stack": stack},
        ),
        "hosts-disk": Watch(
            about="A host's disk is nearly full",
            namespace=AGENT,
            metric="disk_used_percent",
            statistic="Maximum",
            limit=85,
            dimensions={"stack": stack},
        ),
        "database-busy": Watch(
            about="The database computes without pause",
            namespace=rds,
            metric="CPUUtilization",
            limit=85,
            periods=15,
            dimensions=at_database,
        ),
        "database-storage": Watch(
            about="The database has less than 5 GB left, although its storage grows by itself",
            namespace=rds,
            metric="FreeStorageSpace",
            statistic="Minimum",
            limit=5 * 1024**3,
            below=True,
            dimensions=at_database,
        ),
        "database-connections": Watch(
            about="The database has hardly a session left",
            namespace=rds,
            metric="DatabaseConnections",
            statistic="Maximum",
            limit=connections * 0.9,
            dimensions=at_database,
        ),
        "database-slots": Watch(
            about="Something that replicates does not read on, and the database keeps its log for it",
            namespace=rds,
            metric="OldestReplicationSlotLag",
            statistic="Maximum",
            limit=10 * 1024**3,
            dimensions=at_database,
            silence_is_good=True,
        ),
        "certificate-ends": Watch(
            about="The certificate ends in less than 30 days and was not renewed",
            namespace="AWS/CertificateManager",
            metric="DaysToExpiry",
            statistic="Minimum",
            limit=30,
            below=True,
            period_seconds=86400,
            periods=1,
            dimensions={"CertificateArn": certificate},
        ),
    }

#!/usr/bin/env bash
# Makes the mesh's bucket, and its queues, each with its dead-letter queue. LocalStack runs it when it is ready; it may run again.
# usage: create-queues.sh      (in the container, as /etc/localstack/init/ready.d/create-queues.sh)
set -euo pipefail

make_queue() {
  local name=$1 dead_url dead_arn
  # 14 days, the longest that SQS keeps anything.
  dead_url=$(awslocal sqs create-queue --queue-name "$name-dlq" --query QueueUrl --output text \
    --attributes MessageRetentionPeriod=1209600)
  dead_arn=$(awslocal sqs get-queue-attributes --queue-url "$dead_url" --attribute-names QueueArn \
    --query Attributes.QueueArn --output text)
  awslocal sqs create-queue --queue-name "$name" --attributes "$(
    printf '{"VisibilityTimeout":"30","RedrivePolicy":"{\\"deadLetterTargetArn\\":\\"%s\\",\\"maxReceiveCount\\":5}"}' "$dead_arn"
  )"
}

awslocal s3api head-bucket --bucket devmesh-contexts 2>/dev/null || awslocal s3 mb s3://devmesh-contexts
make_queue devmesh-tasks
make_queue devmesh-embeddings

#!/bin/bash
# Sets a full node up: takes the volume over, moves the name, starts both clients. It runs once, when the instance starts
# for the first time; after a restart systemd does what it has set up here. What it must know comes by the environment.
set -euo pipefail
readonly data=${DATA:-/data} units=${UNITS:-/etc/systemd/system} owner=10001

token=$(curl -sSf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
metadata() { curl -sSf -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"; }
instance=$(metadata instance-id)
address=$(metadata local-ipv4)

dnf install -y -q docker amazon-cloudwatch-agent

# The volume is the newest that has the node's name: one that was restored has taken the name over. It is free once the
# instance before this one is gone, which may take some minutes.
for _ in $(seq 180); do
  volume=$(aws ec2 describe-volumes --region "$REGION" --filters "Name=tag:$NODE_TAG,Values=$NODE" \
    --query 'sort_by(Volumes, &CreateTime)[-1].VolumeId' --output text)
  aws ec2 attach-volume --region "$REGION" --volume-id "$volume" --instance-id "$instance" --device /dev/sdf && break
  sleep 10
done
readonly device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume/-/}
for _ in $(seq 60); do
  test -e "${DEVICE:-$device}" && break
  sleep 2
done
test -e "${DEVICE:-$device}" || { echo "the volume $volume did not come within half an hour" >&2; exit 1; }
# Only a volume that was never used is formatted.
blkid "${DEVICE:-$device}" || mkfs.xfs -q "${DEVICE:-$device}"
mkdir -p "$data"
grep -q " $data " "${FSTAB:-/etc/fstab}" || echo "${DEVICE:-$device} $data xfs defaults,noatime,nofail 0 2" >> "${FSTAB:-/etc/fstab}"
mountpoint -q "$data" || mount "$data"

# Both clients run as one user that is nobody else, and share a secret that only this user reads.
mkdir -p "$data/execution" "$data/consensus"
if ! test -s "$data/jwt.hex"; then
  (umask 377 && openssl rand -hex 32 > "$data/jwt.hex.new" && mv -f "$data/jwt.hex.new" "$data/jwt.hex")
fi
chmod 0400 "$data/jwt.hex"
chown "$owner:$owner" "$data/execution" "$data/consensus" "$data/jwt.hex"

unit() { # name, image, arguments…
  local name=$1 image=$2
  shift 2
  cat > "$units/$name.service" <<UNIT
[Unit]
Description=Ethereum $name client
Requires=docker.service
After=docker.service network-online.target
RequiresMountsFor=$data

[Service]
Restart=always
RestartSec=5
TimeoutStopSec=300
ExecStartPre=-/usr/bin/docker rm --force $name
ExecStart=/usr/bin/docker run --rm --name $name --network host --user $owner:$owner --read-only --tmpfs /tmp \
  --cap-drop ALL --security-opt no-new-privileges --stop-timeout 280 --volume $data/$name:/data --volume $data/jwt.hex:/jwt.hex:ro \
  --log-driver awslogs --log-opt awslogs-region=$REGION --log-opt awslogs-group=$LOG_GROUP --log-opt awslogs-stream=$name \
  $image $*
ExecStop=/usr/bin/docker stop --time 280 $name

[Install]
WantedBy=multi-user.target
UNIT
}
# The engine's port, by which the consensus client steers, is open to this instance alone.
unit execution "$EXECUTION_IMAGE" "--$NETWORK" --datadir /data --ipcdisable \
  --authrpc.addr 127.0.0.1 --authrpc.port 8551 --authrpc.vhosts localhost --authrpc.jwtsecret /jwt.hex \
  --http --http.addr 0.0.0.0 --http.port 8545 --http.api eth,net,web3 --http.vhosts "localhost,$NAME"
unit consensus "$CONSENSUS_IMAGE" lighthouse beacon_node --network "$NETWORK" --datadir /data --disable-upnp \
  --execution-endpoint http://127.0.0.1:8551 --execution-jwt /jwt.hex --checkpoint-sync-url "$CHECKPOINT_URL" \
  --http --http-address 0.0.0.0 --http-port 5052

# How full the volume is, by the group's name, so that the alarm knows the node after this one too.
cat > "${AGENT:-/opt/aws/amazon-cloudwatch-agent/etc}/davit.json" <<CONFIGURATION
{
  "metrics": {
    "namespace": "$METRIC_NAMESPACE",
    "append_dimensions": {"AutoScalingGroupName": "\${aws:AutoScalingGroupName}"},
    "aggregation_dimensions": [["AutoScalingGroupName"]],
    "metrics_collected": {
      "disk": {"measurement": ["used_percent"], "resources": ["$data"], "drop_device": true, "metrics_collection_interval": 60}
    }
  }
}
CONFIGURATION
amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c "file:${AGENT:-/opt/aws/amazon-cloudwatch-agent/etc}/davit.json"

systemctl daemon-reload
systemctl enable --now docker execution consensus

aws route53 change-resource-record-sets --hosted-zone-id "$ZONE" --change-batch '{"Changes":[{"Action":"UPSERT",
  "ResourceRecordSet":{"Name":"'"$NAME"'","Type":"A","TTL":60,"ResourceRecords":[{"Value":"'"$address"'"}]}}]}'

# Two cells of the first document's config file, each in a network namespace of its
# own, whose interfaces en2, en3 and en4 are joined by cables:
#
#   unshare -rn sh physical.sh DIR CONFIG
#
# DIR has the command as dsim; the cells listen at DIR/sahas and DIR/zoe.
set -e
dir=$1 config=$2
ip link set lo up
unshare -n sh -c "ip link set lo up && echo > $dir/there && exec sleep 60" &
other=$!
trap 'kill $other' EXIT
while [ ! -e "$dir/there" ]; do sleep 0.02; done
for i in 2 3 4; do
	ip link add en$i type veth peer name far$i
	ip link set far$i netns $other name en$i
	ip link set en$i up
	nsenter -t $other -n ip link set en$i up
done
begin() { "$@" cell -c "$config" --param root=true --log-dir "$dir/logs" --log-level error --lease 60s --rpc "unix:$dir/$name" --name $name; }
name=zoe begin nsenter -t $other -n "$dir/dsim" &
zoe=$!
name=sahas begin "$dir/dsim"
wait $zoe

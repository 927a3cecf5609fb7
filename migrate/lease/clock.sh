# The clock of a lease, read by the keeper and by whoever looks, in the lease's folder.
#
# Promise: counted by the machine's uptime, so setting a clock neither lengthens nor ends anything; a host
# that was restarted since counts as over the limit.

now() {
    if read -r up _ < /proc/uptime; then echo "${up%%.*}"; else date +%s; fi
}

# Says "LIMIT LEFT" in seconds, or nothing where there is no limit, or no freeze yet.
left() {
    [ -e limit ] && read -r limit began < limit || return 0
    up=$(now)
    if [ "$up" -lt "$began" ]; then echo "$limit 0"; else echo "$limit $((began + limit - up))"; fi
}

# Whether the limit has passed; $limit is set then.
over() {
    set -- $(left)
    [ $# = 2 ] && [ "$2" -le 0 ] && limit=$1
}

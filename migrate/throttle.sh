# Asks the source every second how it is, and stops the senders as long as one measure is over its limit.
# Files beside it: ask, limits; sending.* (the senders' process numbers); paused (why a person has it wait);
# slowed (why it waits now); health, from when on what is usual is known; asking (who asks, to be ended with this).
read -r factor floor_us behind_bytes active_sessions < limits

all() {
    for file in sending.*; do
        pid=$(cat "$file" 2>/dev/null) && kill -s "$1" "$pid" 2>/dev/null
    done
}

# What is usual: before any sender runs.
IFS='|' read -r usual_us usual_behind _ <<END
$(sh ./ask once)
END
limit_us=$((${usual_us:-0} * factor))
[ "$limit_us" -ge "$floor_us" ] || limit_us=$floor_us
limit_behind=$((${usual_behind:-0} + behind_bytes))

rm -f health
mkfifo health
sh ./ask > health &
echo $! > asking
while IFS='|' read -r us behind active; do
    [ -n "$active" ] || continue
    why=
    if [ -e paused ]; then
        why="paused: $(cat paused)"
    elif [ "$us" -gt "$limit_us" ]; then
        why="the source answers in $((us / 1000)) ms, limit $((limit_us / 1000)) ms"
    elif [ "$behind" -gt "$limit_behind" ]; then
        why="a standby of the source is $((behind / 1048576)) MiB behind, limit $((limit_behind / 1048576)) MiB"
    elif [ "$active" -gt "$active_sessions" ]; then
        why="$active sessions are at work on the source, limit $active_sessions"
    fi
    if [ -n "$why" ]; then
        printf '%s\n' "$why" > slowed.new && mv slowed.new slowed
        all STOP
    else
        rm -f slowed
        # Every time: a sender that began just now may have stopped itself after the last look.
        all CONT
    fi
done < health
# The source answers no more: the senders are to see that for themselves.
rm -f slowed
all CONT

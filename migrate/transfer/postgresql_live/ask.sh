# How the source is, as live_health.sql tells it: once, or every second.
ask="psql -XAtq -v ON_ERROR_STOP=1"
[ "$1" != once ] || exec $ask "$(cat source)" -f health.sql
{ cat health.sql; echo '\watch 1'; } > watch.sql
exec $ask "$(cat source)" -f watch.sql

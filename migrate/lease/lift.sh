#!/bin/sh
# Lifts a freeze on the host that it lies on: databases writable, interfaces back and released.
#
# Promise: can be repeated; keeper and operator never lift at once; says that it is lifted only when
# all of it is. Runs in the folder of the lease.

exec 9> lift.lock && flock 9
[ -e lifting ] || exit 0
failed=0

for restore in restore-*.sh; do
    [ -e "$restore" ] || continue
    sh "./$restore" 9>&- || failed=1
done

# After the point of no return interfaces are no longer the lease's business.
[ -e databases-only ] || while IFS= read -r control; do
    (
        cd ../../.. && exec < /dev/null > /dev/null 9>&- &&
            timeout 45 "./$control" hold && timeout 45 "./$control" repoint --back &&
            timeout 45 "./$control" release
    ) || failed=1
done < interfaces

[ "$failed" = 0 ] || exit 1
date -u +%Y-%m-%dT%H:%M:%SZ > moment
rm -f secret-*
mv lifting lifted

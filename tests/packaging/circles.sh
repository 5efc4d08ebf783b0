#!/bin/sh
# No circles between object files: the functions that a file calls never lead back to it.
#
#   circles.sh [--only PART] OBJECT-OR-ARCHIVE...
#
# --only counts only calls from object files whose path contains PART, such as src/io/. (Archives keep
# names without paths.) Every call that is part of a circle is printed, with its symbols.
set -eu
only=
if [ "$1" = --only ]; then
    only=$2
    shift 2
fi

# nm prints the name of an object file only if there are several. Members of an archive may have the
# same name: the second is then called name#2.
{ [ $# -gt 1 ] || echo "$1:"; nm "$@"; } | awk -v only="$only" '
    /:$/ {
        file = substr($0, 1, length($0) - 1)
        sub(/.*\.dir\//, "", file)
        sub(/\.o(bj)?$/, "", file)
        sub(/\.c$/, "", file)
        if (++named[file] > 1) file = file "#" named[file]
    }
    NF == 2 && $1 == "U" { user[++uses] = file; used[uses] = $2 }
    NF == 3 && $2 ~ /^[TDBRVWC]$/ {
        definer[$3] = file
        if (!(file in objects)) { objects[file]; count++ }
    }

    # Mark everything that `from` leads to. The parameters after it are local variables.
    function walk(from, head, tail, queue, to, n, i) {
        queue[tail++] = from
        while (head < tail) {
            n = split(neighbours[queue[head++]], to, " ")
            for (i = 1; i <= n; i++)
                if (!((from, to[i]) in leads)) {
                    leads[from, to[i]]
                    queue[tail++] = to[i]
                }
        }
    }

    END {
        for (i = 1; i <= uses; i++) {
            from = user[i]
            if (!(used[i] in definer) || definer[used[i]] == from) continue
            to = definer[used[i]]
            if (!((from, to) in calls)) neighbours[from] = neighbours[from] " " to
            calls[from, to] = calls[from, to] " " used[i]
        }
        for (file in objects) walk(file)
        for (pair in calls) {
            split(pair, ends, SUBSEP)
            if ((ends[2], ends[1]) in leads && (only == "" || index(ends[1], only)))
                bad[++n_bad] = ends[1] " -> " ends[2] ":" calls[pair]
        }
        for (i = 1; i <= n_bad; i++) print bad[i] | "sort"
        close("sort")
        printf "circles: %d object files, %d calls in circles\n", count, n_bad
        exit n_bad > 0
    }'

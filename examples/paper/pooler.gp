# Draw what pooler wrote with --out:
#     gnuplot -e "dir='build/paper/pooler'; out='build/paper/pooler.png'" pooler.gp
set terminal pngcairo size 1200,440 font "sans,10"
set output out
array method[8] = ["SNNK, selected rows, tuned", "SNNK, random rows, tuned", \
    "SNNK, selected rows, closed form", "SNNK, random rows, closed form", \
    "dense, small, from scratch", "dense, tuned", "dense, closed form", "no pooler, closed form"]
array color[8] = ["#c1440e", "#e0a040", "#8a4fa3", "#c9a0d8", "#4a8f29", "#1f6fb2", "#7fb2dd", "#404040"]
array point[8] = [7, 5, 13, 12, 11, 9, 8, 2]
file(k) = sprintf("<grep '^%s' %s/points.txt", method[k], dir)
set multiplot layout 1,2
set grid lc rgb "#e4e4e4"
set border lc rgb "#606060"
set datafile separator "\t"
set logscale x
set xlabel "stored numbers of pooler and head"
set xrange [800:5e5]
set key bottom right
set ylabel "test accuracy"
set yrange [0.56:0.82]
set title "accuracy (all seeds)"
plot for [k=1:8] file(k) using 2:3 with points pt point[k] ps 1.2 lc rgb color[k] title method[k]
set ylabel "cross-entropy of test reviews"
set yrange [*:*]
set title "cross-entropy (all seeds)"
plot for [k=1:8] file(k) using 2:4 with points pt point[k] ps 1.2 lc rgb color[k] notitle
unset multiplot

# Draw what uptraining wrote with --out:
#     gnuplot -e "dir='build/paper/uptraining'; out='build/paper/uptraining.png'" uptraining.gp
set terminal pngcairo size 1200,440 font "sans,10"
set output out
array method[8] = ["original", "blocks, tuned", "blocks, selected", "blocks, random", \
    "blocks, from scratch", "blocks, shared", "expansions", "blocks, cut"]
array color[8] = ["#404040", "#c1440e", "#e0a040", "#7fb2dd", "#909090", "#8a4fa3", "#4a8f29", "#1f6fb2"]
array shift[8] = [1, 0.96, 1.04, 1.08, 1, 0.92, 1, 1.08] # sizes may be equal
array point[8] = [2, 7, 5, 4, 12, 13, 11, 9]
file(k) = sprintf("<grep '^%s' %s/points.txt", method[k], dir)
found(k) = int(system(sprintf("grep -c '^%s' %s/points.txt; true", method[k], dir))) > 0
present = ""
do for [k=1:8] { if (found(k)) { present = present.sprintf(" %d", k) } }
set multiplot layout 1,2
set grid lc rgb "#e4e4e4"
set border lc rgb "#606060"
set datafile separator "\t"
set ylabel "test accuracy"
set yrange [0.72:0.8]
set key bottom right spacing 1.1
set xlabel "stored numbers of blocks and pooler"
set logscale x
set xrange [2e5:6e6]
set xtics ("200 k" 2e5, "500 k" 5e5, "1 M" 1e6, "2 M" 2e6, "5 M" 5e6)
set title "accuracy against numbers (all seeds)"
plot for [w in present] file(int(w)) using ($2*shift[int(w)]):3 with points pt point[int(w)] ps 1.2 lc rgb color[int(w)] title method[int(w)]
unset logscale x
set xtics autofreq
set xlabel "ms for 32 reviews, one thread"
set xrange [0:*]
set title "accuracy against time (all seeds)"
plot for [w in present] file(int(w)) using 6:3 with points pt point[int(w)] ps 1.2 lc rgb color[int(w)] notitle
unset multiplot

# Draw what adapters wrote with --out:
#     gnuplot -e "dir='build/paper/adapters'; out='build/paper/adapters.png'" adapters.gp
set terminal pngcairo size 1200,440 font "sans,10"
set output out
array place[2] = ["in blocks", "on top"]
array method[2] = ["SNNK", "bottleneck"]
array color[2] = ["#c1440e", "#1f6fb2"]
array point[2] = [7, 9]
array shift[2] = [0.95, 1.05] # sizes may be equal
file(s, k) = sprintf("<grep '^%s: %s' %s/points.txt", place[s], method[k], dir)
none = sprintf("<grep '^none' %s/points.txt", dir)
set multiplot layout 1,2
set grid lc rgb "#e4e4e4"
set border lc rgb "#606060"
set datafile separator "\t"
set logscale x
set xlabel "numbers that learn, with the head"
set ylabel "test accuracy"
set xrange [400:3e5]
set yrange [0.75:0.79] # the same in both
set key top left
do for [s=1:2] {
    set title "adapters ".place[s]." (all seeds)"
    plot for [k=1:2] file(s, k) using ($2*shift[k]):3 with points pt point[k] ps 1.2 lc rgb color[k] title method[k], \
        none using 2:3 with points pt 2 ps 1.4 lc rgb "#404040" title "none (closed form)"
}
unset multiplot

# Draw what mnist_mlp wrote with --out:
#     gnuplot -e "dir='build/paper/mnist_mlp'; out='build/paper/mnist_mlp.png'" mnist_mlp.gp
set terminal pngcairo size 1200,760 font "sans,10"
set output out
array set_name[2] = ["MNIST", "Fashion"]
array method[5] = ["SNNK, rows trained", "SNNK, rows fixed", "closed form", "dense, PyTorch", "dense, ours"]
array color[5] = ["#c1440e", "#e0a040", "#8a4fa3", "#1f6fb2", "#4a8f29"]
array point[5] = [7, 5, 13, 9, 11]
file(s, k) = sprintf("<grep '^%s: %s' %s/points.txt", set_name[s], method[k], dir)
set multiplot layout 2,2
set grid lc rgb "#e4e4e4"
set border lc rgb "#606060"
set key bottom right
set datafile separator "\t"
set ylabel "test accuracy"
set logscale x
do for [s=1:2] {
    if (s == 1) { set yrange [0.6:1] } else { set yrange [0.6:0.92] }
    set xrange [200:5e5]
    set xlabel "stored numbers"
    set title set_name[s].": accuracy against stored numbers (all seeds)"
    plot for [k=1:5] file(s, k) using 2:3 with points pt point[k] ps 1.2 lc rgb color[k] title method[k]
    set xrange [0.05:100]
    set xlabel "CPU seconds"
    set title set_name[s].": accuracy against time"
    plot for [k=1:5] file(s, k) using 4:3 with points pt point[k] ps 1.2 lc rgb color[k] notitle
}
unset multiplot

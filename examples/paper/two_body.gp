# Draw what two_body wrote with --out:
#     gnuplot -e "dir='build/paper/two_body'; out='build/paper/two_body.png'" examples/paper/two_body.gp
set terminal pngcairo size 1350,420 font "sans,10"
set output out
set multiplot layout 1,3
set grid lc rgb "#e4e4e4"
set border lc rgb "#606060"
set key spacing 1.1
array color[3] = ["#c1440e", "#1f6fb2", "#4a8f29"]
array name[3] = ["coulomb", "spring", "inverse-square"]
array label[3] = ["1/r", "r^2/2", "2/r^2"]
file(k) = sprintf("%s/%s.txt", dir, name[k])

set title "Ground states: exact (lines), 32 sine features (points)"
set xlabel "distance r"
set ylabel "r {/Symbol y}(r)"
set xrange [0:9]
set yrange [0:*]
plot for [k=1:3] file(k) using 1:2 with lines lw 1.5 lc rgb color[k] title "V = ".label[k], \
     for [k=1:3] file(k) using 1:3 every 5::k with points pt 6 ps 0.9 lc rgb color[k] notitle

set title "Interaction recovered from the density"
set ylabel "V(r)"
set xrange [0:8]
set yrange [0:6]
plot for [k=1:3] file(k) using 1:4 with lines lw 1.5 lc rgb color[k] title label[k].", exact", \
     for [k=1:3] file(k) using 1:5 every 5::k with points pt 6 ps 0.9 lc rgb color[k] notitle, \
     for [k=1:3] file(k) using 1:6 every 5::(k + 2) with points pt 2 ps 0.6 lc rgb color[k] notitle, \
     NaN with points pt 6 lc rgb "#606060" title "from the density", \
     NaN with points pt 2 lc rgb "#606060" title "with 0.1 % noise"

set title "Energy for V = 1/r: error against time"
set xlabel "CPU seconds"
set ylabel "relative error of the energy"
set logscale xy
set format xy "10^{%L}"
set xrange [1e-4:1e2]
set yrange [1e-11:1e-4]
set key bottom left
plot dir."/features_errors.txt" with points pt 7 ps 1.3 lc rgb color[1] title "sine features, closed form", \
     dir."/adam_errors.txt" with points pt 9 ps 1.3 lc rgb color[2] title "networks, Adam", \
     dir."/lbfgs_errors.txt" with points pt 11 ps 1.3 lc rgb color[3] title "networks, Adam and L-BFGS"
unset multiplot

# Draw what siren_image wrote with --out:
#     gnuplot -e "dir='build/paper/siren_image'; out='build/paper/siren_image.png'" siren_image.gp
set terminal pngcairo size 1200,760 font "sans,10"
set output out
array name[4] = ["original", "siren", "snnk_siren", "closed_form"]
set multiplot
set palette gray
set cbrange [0:1]
unset colorbox
unset key
do for [k=1:4] {
    set size 0.25,0.46
    set origin 0.25 * (k - 1),0.54
    set lmargin 1
    set rmargin 1
    set bmargin 0.5
    set tmargin 2
    unset tics
    unset border
    set size ratio 1
    set autoscale xfix
    set yrange [*:*] reverse
    set autoscale yfix
    set title system(sprintf("sed -n %dp '%s/titles.txt'", k, dir)) noenhanced
    plot sprintf("%s/%s.txt", dir, name[k]) matrix with image
}
set size noratio
set size 0.48,0.5
set lmargin 9
set rmargin 2
set bmargin 4
set tmargin 2.5
set border 31 lc rgb "#606060"
set tics
set autoscale
set grid lc rgb "#e4e4e4"
set yrange [10:*] noreverse
set ylabel "PSNR, dB"
set key bottom right

set origin 0,0.01
set title "PSNR against time (all seeds; PyTorch: seed 1 as it trains)"
set xlabel "CPU seconds"
set logscale x
set xrange [0.01:*]
runs(name) = sprintf("<grep -P '^%s\t' %s/rivals.txt", name, dir)
set datafile separator "\t"
plot "<tr ' ' '\\t' <".dir."/torch_curve.txt" using 1:2 with lines lw 2 lc rgb "#9cc3e6" title "SIREN, PyTorch", \
     runs("SIREN") using 5:4 with points pt 9 ps 1.3 lc rgb "#1f6fb2" title "SIREN, our trainer", \
     runs("SNNK-SIREN") using 5:4 with points pt 11 ps 1.3 lc rgb "#4a8f29" title "SNNK-SIREN, our trainer", \
     "<tr ' ' '\\t' <".dir."/closed_form_runs.txt" using 3:2 with points pt 7 ps 1.1 lc rgb "#c1440e" title "closed form"

set origin 0.5,0.01
set title "PSNR against stored numbers (all seeds)"
set xlabel "stored numbers"
unset logscale
set xrange [0:*]
set yrange [20:*]
plot "<tr ' ' '\\t' <".dir."/closed_form_runs.txt" using 1:2 with points pt 7 ps 1.1 lc rgb "#c1440e" title "closed form", \
     runs("SIREN, PyTorch") using 2:4 with points pt 9 ps 1.3 lc rgb "#9cc3e6" title "SIREN, PyTorch", \
     runs("SIREN") using 2:4 with points pt 9 ps 1.3 lc rgb "#1f6fb2" title "SIREN", \
     runs("SNNK-SIREN") using 2:4 with points pt 11 ps 1.3 lc rgb "#4a8f29" title "SNNK-SIREN"
unset multiplot

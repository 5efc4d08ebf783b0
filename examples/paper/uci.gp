# Draw what uci wrote with --out:
#     gnuplot -e "dir='build/paper/uci'; out='build/paper/uci.png'" uci.gp
set terminal pngcairo size 1100,440 font "sans,10"
set output out
set style data histograms
set style histogram clustered gap 1.5
set style fill solid 0.9 border rgb "white"
set grid ytics lc rgb "#e4e4e4"
set border lc rgb "#606060"
set yrange [0.5:1]
set ylabel "R^2 on test rows"
set key outside right
set title "Regression tables: means over three splits"
file = dir."/points.txt"
plot file using 2:xtic(1) lc rgb "#c1440e" title "SNNK, bundled, 1/30", \
     file using 3 lc rgb "#e0a040" title "closed form, 1/30", \
     file using 4 lc rgb "#9cc3e6" title "MLP of 1/30, PyTorch", \
     file using 5 lc rgb "#5f9bd0" title "MLP 256-4, PyTorch", \
     file using 6 lc rgb "#1f6fb2" title "MLP 256-256, PyTorch", \
     file using 7 lc rgb "#4a8f29" title "MLP 256-256, scikit-learn"

# Draw test images with their predicted classes:
#     gnuplot -e "dir='build/demo'" scripts/fashion_mnist.gp
set terminal pngcairo size 1200,860 font "sans,11"
set output dir."/fashion_mnist.png"
set multiplot layout 4,6 title "Fashion-MNIST test images and their predicted classes (red: wrong)" font ",15"
unset key
unset colorbox
unset tics
unset border
set palette gray negative
set yrange [27.5:-0.5]
set xrange [-0.5:27.5]
set size ratio 1
do for [i=0:23] {
    text = system(sprintf("sed -n %dp '%s/titles.txt'", i + 1, dir))
    wrong = text[1:1] eq "!"
    set title (wrong ? text[3:*] : text) textcolor rgb (wrong ? "#c00000" : "#202020") offset 0,-0.6
    plot dir."/images.dat" index i matrix with image
}
unset multiplot

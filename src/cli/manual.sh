#!/bin/sh
# Make a manual page from the help text of a command: manual.sh HELP2MAN PROGRAM PAGE [COMMAND]
set -eu
help2man=$1
program=$2
page=$3
command=${4:-}

case $command in
"") name="scalable neural network kernels: fit in closed form or train, and predict" ;;
fit) name="fit a model to training data in closed form" ;;
train) name="train a network of several layers by gradients" ;;
eval) name="score a model on data with known targets" ;;
predict) name="predict the target of each row" ;;
info) name="show what a model file contains" ;;
update) name="add rows to a fitted model" ;;
forget) name="remove rows from a fitted model, exactly" ;;
compress) name="replace trained dense layers by smaller ones" ;;
bundle) name="multiply neighboring matrices of a model together" ;;
quantize) name="keep the weights of a model in bf16, int8 or bf16x3" ;;
merge) name="combine models that were fitted to different rows" ;;
train) name="train networks by gradient" ;;
esac

# help2man runs a program without arguments, so wrap the command in a program.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wrapper=$work/snnk${command:+-$command}
version=$("$program" --version | sed -n '1s/^snnk //p')
cat >"$wrapper" <<SCRIPT
#!/bin/sh
case "\$*" in
*version*) echo "$(basename "$wrapper") (snnk) $version" ;;
*) exec "$program" $command "\$@" ;;
esac
SCRIPT
chmod +x "$wrapper"
mkdir -p "$(dirname "$page")"
"$help2man" --no-info --name "$name" --output "$page" "$wrapper"

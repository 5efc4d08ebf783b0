#!/bin/sh
# A manual page from a help text: manual.sh HELP2MAN PROGRAM PAGE [COMMAND]
set -eu
help2man=$1
program=$2
page=$3
command=${4:-}

case $command in
"") name="scalable neural network kernels: fit in closed form, and predict" ;;
fit) name="fit a model to training data in closed form" ;;
eval) name="score a model on data with known targets" ;;
predict) name="predict the target of each row" ;;
info) name="show what is in a model file" ;;
update) name="let a model learn from more rows" ;;
forget) name="let a model forget rows, exactly" ;;
compress) name="replace a trained dense layer by one of few features" ;;
merge) name="put models together that learnt from different rows" ;;
esac

# help2man runs one program, so a command is wrapped as one.
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

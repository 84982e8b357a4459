#!/usr/bin/env bash
# How tune_images behaves where something is wrong or it is interrupted: exit codes, one message, and no folder
# left behind by a run that was refused.
#     check.sh path/to/tune_images
set -u
program=$1
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place" || exit 1
export OMP_NUM_THREADS=1
unset OMP_WAIT_POLICY GOMP_SPINCOUNT
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# refused "words that the message must have" arguments...
refused() {
    local words=$1 before
    shift
    touch output message
    before=$(ls)
    "$program" "$@" >output 2>message
    local code=$?
    [ $code -eq 2 ] || fail "exit code $code instead of 2: $*"
    [ ! -s output ] || fail "a refused run printed results: $*"
    [ "$(grep -c '^tune_images: ' message)" -eq 1 ] || fail "not one message: $*"
    grep -qF -- "$words" message || fail "'$words' is not in the message of $*: $(cat message)"
    [ "$(ls)" = "$before" ] || fail "a folder was left behind: $*"
}

refused "--trials is 0; it must be at least 1" --trials 0 --out out
refused "--trials" --trials many --out out
refused "--epochs is 0; it must be from 1" --epochs 0 --out out
refused "--seed is -1" --seed -1 --out out
refused "--strategy is 'gauss'; it must be one of gaussian_process" --strategy gauss --out out
refused "stopping policy 'never' is unknown" --stopping never --out out
refused "--views is 'turn'" --views turn --out out
refused "--resize is 'stretch'" --resize stretch --out out
refused "--scratch is '/nowhere'" --scratch /nowhere --out out
refused '--device: device "abacus" must be cpu, cuda or cuda:<number>; auto takes what is there' --device abacus --out out
refused "--parallel is 65; it must be from 1 to 64" --parallel 65 --out out
refused "--time-limit is -1; it must be above 0" --time-limit -1 --out out
refused "unfreeze 'layer9'" --unfreeze layer9 --out out
refused "--weights is given without --data" --weights x --out out
refused "nowhere: no such file or folder" --data nowhere --model resnet20 --out out
touch file
refused "file: is a file; --out must name a folder" --out file
refused "file: is a file" --out file/below
mkdir -p page && echo "my own page" >page/report.html
refused "page/report.html: exists and is no report of Attune" --out page
[ "$(cat page/report.html)" = "my own page" ] || fail "a file was overwritten"
mkdir -p mine && echo "my own weights" >mine/model.safetensors
refused "mine/model.safetensors: exists, but the folder holds no study" --out mine
[ "$(cat mine/model.safetensors)" = "my own weights" ] || fail "a file was overwritten"
mkdir -p damaged && echo garbage >damaged/study.attune
refused "damaged/study.attune: is not a journal" --out damaged

"$program" --help >output || fail "--help gives $?"
grep -q "Exit codes: 0 done" output || fail "--help does not tell the exit codes"
"$program" --check-only --out out >output 2>message || fail "--check-only gives $?"
[ ! -e out ] || fail "--check-only made a folder"

# Interrupted at several moments, then gone on with: the table is that of a run that was never interrupted.
small=(--epochs 3 --unfreeze head --views none --out out)
for words in pretraining "trial 1 completed"; do
    "$program" "${small[@]}" --trials 5000 >output 2>message &
    pid=$!
    for ((i = 0; i < 2400; ++i)); do
        grep -q "$words" message && break
        sleep 0.1
    done
    tr '\0' '\n' <"/proc/$pid/environ" | grep -q '^OMP_WAIT_POLICY=passive$' || fail "waiting threads spin"
    kill -INT $pid
    wait $pid
    code=$?
    [ $code -eq 130 ] || fail "exit code $code instead of 130 after '$words'"
    [ "$(grep -c '^interrupted' message)" -eq 1 ] || fail "not one sentence after an interruption: $(cat message)"
    grep -q "stop token" message && fail "an internal text after an interruption: $(cat message)"
done
grep -q "best so far: trial" output || fail "an interrupted run does not tell the best so far"
[ -s out/report.html ] && cmp -s out/model.safetensors out/models/trial-"$(sed -n 's/^best so far: trial \([0-9]*\),.*/\1/p' output)".safetensors ||
    fail "report and model do not follow the interrupted study"
rm -rf out

# Killed in a trial: the next run goes on from its checkpoint. Two runs in one folder would spoil each other's results.
long=(--epochs 200 --patience 200 --unfreeze all --views none --trials 1 --out out)
"$program" "${long[@]}" >output 2>message &
pid=$!
for ((i = 0; i < 2400; ++i)); do
    [ -s out/checkpoints/trial-0/fit.safetensors ] && break
    sleep 0.1
done
[ $i -lt 2400 ] || fail "no checkpoint came: $(cat message)"
"$program" "${long[@]}" >again 2>refusal
[ $? -eq 2 ] && grep -q "another run works in this folder" refusal || fail "a second run in the folder is not refused: $(cat refusal)"
kill -9 $pid
wait $pid 2>/dev/null
"$program" "${long[@]}" --time-limit 1 >output 2>message # 1: its only trial has not ended yet
[ $? -eq 1 ] || fail "after a kill it gives another code than 1: $(cat message)"
grep -q "going on after 0 finished trials; trial 0 goes on from its checkpoint" message ||
    fail "a killed trial does not go on from its checkpoint: $(cat message)"
rm -rf out
"$program" "${small[@]}" --trials 3 --seed 3 >output 2>message || fail "a small run gives $?: $(cat message)"
for file in model.safetensors report.html predictions.csv study.attune; do
    [ -s out/$file ] || fail "out/$file is missing"
done
verdict=$(grep '^test part' output)
[ -n "$verdict" ] && grep -qF "$verdict" out/report.html || fail "the report does not say what tuning has come to: '$verdict'"
"$program" "${small[@]}" --trials 3 --seed 3 >again 2>message || fail "the same command again gives $?"
diff <(grep -E '^ +[0-9]' output) <(grep -E '^ +[0-9]' again) >/dev/null || fail "the table changed"
"$program" "${small[@]}" --trials 3 --seed 4 >output 2>message
[ $? -eq 2 ] && grep -q "seed: 3 there, 4 asked for" message || fail "another seed is not refused: $(cat message)"
"$program" "${small[@]}" --trials 3 --seed 3 --shots 9 >output 2>message
[ $? -eq 2 ] && grep -q "shots: all there, 9 asked for" message || fail "other shots are not refused: $(cat message)"

# Models that are gone or cut off are made again, which is said; the result is the same.
best=$(sed -n 's/^best: trial \([0-9]*\),.*/\1/p' output)
[ -n "$best" ] || best=$(sed -n 's/^best: trial \([0-9]*\),.*/\1/p' again)
cp out/predictions.csv predictions-before
for damage in "rm -f" "truncate -s 1000"; do
    $damage out/models/trial-"$best".safetensors
    [ "$damage" = "rm -f" ] && truncate -s 100 out/backbone.safetensors
    "$program" "${small[@]}" --trials 3 --seed 3 --quiet >again 2>message || fail "after '$damage' it gives $?: $(cat message)"
    grep -q "the model of trial $best was trained again" message || fail "'$damage' is not told: $(cat message)"
    [ "$damage" != "rm -f" ] || grep -q "the backbone is trained again" message || fail "a damaged backbone is not told: $(cat message)"
    grep -qa '"trial\\*":\\*"'"$best" out/model.safetensors || fail "a model made again lacks its notes"
    diff <(cut -d, -f1-3 predictions-before) <(cut -d, -f1-3 out/predictions.csv) >/dev/null || fail "a model made again predicts otherwise"
done

# Pictures that are left out, or stand in two parts, are told also where quiet.
stripes=(iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9AAAAEklEQVR42mNgAIL/QIBMj2ABAMHuf4HoMN1jAAAAAElFTkSuQmCC
    iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9AAAAFElEQVR42mNgoAL4jwbIERgk7gAA0P5/gaZLYVUAAAAASUVORK5CYII=)
for part in train validation; do
    mkdir -p pictures/$part/{across,along}
    base64 -d <<<"${stripes[0]}" >pictures/$part/across/1.png
    base64 -d <<<"${stripes[1]}" >pictures/$part/along/1.png
done
base64 -d <<<"${stripes[0]}" | head -c 60 >pictures/train/across/2.png
tiny=(--data pictures --model resnet20 --unfreeze all --views none --epochs 1 --trials 1 --quiet)
"$program" "${tiny[@]}" --out out-pictures >output 2>message || fail "a few pictures give $?: $(cat message)"
grep -q "left out 1 file" message && grep -q "across/2.png" message || fail "a picture left out is not told: $(cat message)"
grep -q "2 pictures of the validation part are in the train part too" message || fail "equal pictures are not told: $(cat message)"
grep -q "left out 1 file" out-pictures/report.html && grep -q "are in the train part too" out-pictures/report.html || fail "the report lacks remarks on the pictures"
cp pictures/train/along/1.png pictures/validation/across/1.png && cp pictures/train/across/1.png pictures/validation/along/1.png
"$program" "${tiny[@]}" --out out-pictures >output 2>message
[ $? -eq 2 ] && grep -q "the images changed" message || fail "other pictures of the same names are taken for the same: $(cat message)"
rm pictures/validation/along/1.png && rmdir pictures/validation/along
"$program" "${tiny[@]}" --check-only --out out-other >output 2>message || fail "a class without validation pictures gives $?"
grep -q "without validation pictures, so nothing is measured on it: along" message || fail "a class without validation pictures is not told: $(cat message)"
# What is odd about files is told before anything is trained; too many for the memory are read on demand.
cp pictures/train/across/1.png pictures/train/across/along_7.png
"$program" "${tiny[@]}" --check-only --picture-memory 1e-9 --out out-other >output 2>message || fail "odd files give $?"
for words in "pictures named like another class" "tiny pictures" "in the train part too"; do
    grep -q "remark: .*$words" message || fail "'$words' is not told: $(cat message)"
done
"$program" --data pictures --model resnet20 --unfreeze all --check-only --picture-memory 1e-9 --out out-other 2>&1 >output |
    grep -q "pass --picture-memory" || fail "pictures beyond the memory are not told"
rm pictures/train/across/along_7.png
for part in train validation; do
    mkdir -p "high/$part" && cp -r "pictures/$part" "high/$part/one" && cp -r "pictures/$part" "high/$part/two"
done
"$program" --data high --model resnet20 --unfreeze all --image-size 32 --check-only --out out-other >output 2>message ||
    fail "a folder one level too high gives $?: $(cat message)"
grep -q "2 classes (one, two): " message || fail "classes are not named: $(cat message)"
grep -q "one has across, along; two has across, along" message || fail "folders inside classes are not told: $(cat message)"
refused "--orientation is 'turn'" --orientation turn --out out-weights
refused "--picture-memory is 0; it must be above 0" --picture-memory 0 --out out-weights

# A manifest's file is verified, for the network that it names.
mkdir -p listed && cp out/backbone.safetensors listed/net.safetensors
sum=$(sha256sum listed/net.safetensors | cut -d' ' -f1)
cat >listed/weights.json <<END
{"attune_weights": 1, "files": [{"path": "net.safetensors", "sha256": "$sum", "licence": "MIT", "source": "made here",
  "bytes": $(stat -c %s listed/net.safetensors), "model": "resnet20", "preprocessing": {"image_size": 32}}]}
END
"$program" --data pictures --weights listed/weights.json --views none --check-only --out out-listed >output 2>message ||
    fail "a manifest gives $?: $(cat message)"
grep -q "network: resnet20; listed/weights.json" message || fail "a manifest's network is not told: $(cat message)"
printf x | dd of=listed/net.safetensors bs=1 seek=2000 conv=notrunc 2>dd-message
refused "has the SHA-256" --data pictures --weights listed/weights.json --out out-weights
echo "not weights" >weights.pth
refused "weights.pth" --data pictures --weights weights.pth --out out-weights
refused "known: " --data pictures --out out-weights

# A depth that is asked for is trained: the default recipe, trial 0, comes to another loss.
loss_of_depth() {
    "$program" --epochs 2 --trials 1 --views none --unfreeze "$1" --out "out-$1" 2>message |
        awk '$2 == "0" { print $5 }'
}
cp -r out out-head && rm -r out-head/{study.attune,models,model.safetensors,predictions.csv} && cp -r out-head out-all
[ "$(loss_of_depth head)" != "$(loss_of_depth all)" ] || fail "--unfreeze all trains the head alone"

[ $failures -eq 0 ] && echo "all checks passed"
exit $((failures > 0))

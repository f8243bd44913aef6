#!/usr/bin/env bash
# Verifies this evidence pack without the program that made it: bash 4, openssl 3 and coreutils, nothing else, no network.
#
#     bash verify.sh                              in the unpacked folder
#     bash verify.sh --key 'NAME+ID+KEY'          the log's key, had from the organisation by another channel
#     bash verify.sh --checkpoint KEPT            a checkpoint of this log that you kept, such as log/checkpoint of an earlier pack
#     bash verify.sh --tsa-roots ROOTS.pem        roots of the timestamp authorities that you trust, from another channel
#
# Exit code 0: verified; 1: something is wrong, and named; 2: it could not be examined.
# Read the script before you trust it: whoever could change the pack could change the script too. Its digest is in SHA256SUMS,
# and the same script is in the source of `evidenced`.
set -u
LC_ALL=C
export LC_ALL
shopt -s globstar dotglob nullglob

key_given='' kept='' roots=''
while [ $# -gt 0 ]; do
    case "$1" in
        --key) key_given=${2:-}; shift 2 || exit 2 ;;
        --checkpoint) kept=${2:-}; shift 2 || exit 2 ;;
        --tsa-roots) roots=${2:-}; shift 2 || exit 2 ;;
        *) printf 'usage: bash verify.sh [--key KEY] [--checkpoint FILE] [--tsa-roots FILE]\n' >&2; exit 2 ;;
    esac
done
[ -z "$roots" ] || roots=$(realpath -- "$roots") || exit 2
[ -z "$kept" ] || kept=$(realpath -- "$kept") || exit 2
here=${BASH_SOURCE[0]%/*}
[ "$here" = "${BASH_SOURCE[0]}" ] && here=.
cd -- "$here" || exit 2
for tool in openssl sha256sum base64 cut tail tr od mktemp rm realpath; do
    command -v "$tool" >/dev/null || { printf 'verify.sh needs %s\n' "$tool" >&2; exit 2; }
done
[ -f SHA256SUMS ] || { printf 'there is no SHA256SUMS here: not an unpacked evidence pack\n' >&2; exit 2; }
scratch=$(mktemp -d) || exit 2
trap 'rm -rf -- "$scratch"' EXIT

wrong=0
good() { printf 'ok       %s\n' "$1"; }
bad() { printf 'PROBLEM  %s\n' "$1"; wrong=1; }
not() { printf 'not said %s\n' "$1"; }

# --- 1. every file has its digest, and there is no other
declare -A digest
while read -r sum path; do digest["$path"]=$sum; done < SHA256SUMS
if sha256sum --quiet --strict --check SHA256SUMS > "$scratch/sums" 2>&1; then
    good "${#digest[@]} files have the digests in SHA256SUMS"
else
    while read -r line; do bad "SHA256SUMS: $line"; done < "$scratch/sums"
fi
for path in **; do
    if [ -L "$path" ]; then bad "$path is a link, and no pack holds one"
    elif [ -f "$path" ] && [ "$path" != SHA256SUMS ] && [ -z "${digest[$path]+known}" ]; then bad "$path was added"
    fi
done

# --- 2. the key
public=$(cut -d+ -f3- log/log-key.vkey | base64 -d 2>/dev/null | tail -c 32 | base64 -w 0)
pem=$(openssl pkey -pubin -in log/log-key.pem -outform DER 2>/dev/null | tail -c 32 | base64 -w 0)
read -r key < log/log-key.vkey || key=''
if [ -z "$pem" ] || [ "$pem" != "$public" ]; then bad 'log/log-key.pem is not the key in log/log-key.vkey'; fi
if [ -z "$key_given" ]; then not 'whose key it is: compare it with the one you were given, or give that with --key'
elif [ "$key_given" = "$key" ]; then good 'the key is the one you gave'
else bad "the key is $key, not the one you gave"
fi

# --- 3. signed notes: text, an empty line, and `— NAME BASE64` lines (C2SP signed-note)
# Writes the signed text of $1 to $scratch/text and checks the signature of the log's key over it.
note() {
    local line text='' name base found=1
    : > "$scratch/signature"
    exec 3< "$1" || return 1
    while IFS= read -r line <&3 && [ -n "$line" ]; do text+=$line$'\n'; done
    printf '%s' "$text" > "$scratch/text"
    while IFS=' ' read -r line name base <&3; do
        if [ "$line" = '—' ] && [ "$name" = "${key%%+*}" ]; then
            # four bytes of key id, then the signature
            printf '%s' "$base" | base64 -d 2>/dev/null | tail -c +5 > "$scratch/signature"
            found=0
            openssl pkeyutl -verify -pubin -inkey log/log-key.pem -rawin -in "$scratch/text" -sigfile "$scratch/signature" > /dev/null 2>&1 && { exec 3<&-; return 0; }
        fi
    done
    exec 3<&-
    return 1
}
if note MANIFEST.json.sig; then
    stated='' size=''
    while read -r word value; do
        case $word in sha256) stated=$value ;; size) size=$value ;; esac
    done < "$scratch/text"
    read -r found _ < <(sha256sum MANIFEST.json)
    if [ "$stated" = "$found" ]; then good 'the key signed MANIFEST.json'; else bad 'MANIFEST.json is not the one the key signed'; fi
else
    bad 'MANIFEST.json.sig is not a signature of the key'
fi
# the list that was checked above is the list that was signed
tr '{' '\n' < MANIFEST.json > "$scratch/manifest"
listed=0 unsigned=0
declare -A item
while IFS= read -r line || [ -n "$line" ]; do
    if [[ $line == *'"path":"'* ]]; then
        path=${line##*'"path":"'}; path=${path%%'"'*}
        if [[ $line == *'"log_index":'* ]]; then
            index=${line##*'"log_index":'}; item[${index%%[!0-9]*}]=$path
        else
            sum=${line##*'"sha256":"'}; sum=${sum%%'"'*}
            listed=$((listed + 1))
            if [ "${digest[$path]-}" != "$sum" ]; then unsigned=$((unsigned + 1)); bad "$path does not have the digest in MANIFEST.json"; fi
        fi
    fi
done < "$scratch/manifest"
# beside the listed ones there are the manifest and its signature
if [ "$unsigned" = 0 ] && [ $((listed + 2)) = "${#digest[@]}" ]; then good "SHA256SUMS is the list in MANIFEST.json"
else bad 'SHA256SUMS is not the list in MANIFEST.json'; fi

# --- 4. the checkpoint
log_size=0 log_root=''
if note log/checkpoint; then
    { read -r origin; read -r log_size; read -r log_root; } < "$scratch/text"
    good "the key signed the checkpoint of $origin with $log_size entries"
else
    bad 'log/checkpoint is not signed by the key'
fi
# where the root of the log as it was is wanted: at the checkpoint that was kept, and at that of the pack before this one
declare -A root_at=()
kept_size='' kept_root=''
if [ -n "$kept" ]; then
    if note "$kept"; then { read -r _; read -r kept_size; read -r kept_root; } < "$scratch/text"; root_at[$kept_size]=''
    else bad "the checkpoint you gave is not signed by the key"
    fi
fi
# the value of the field $1 of log/previous/pack.json, which looks like $2
field() { hash=''; [[ $previous =~ \"$1\":\"?($2)[\",}] ]] && hash=${BASH_REMATCH[1]}; }
previous='' previous_entry='' previous_pack='' previous_size='' previous_root=''
if [ -f log/previous/pack.json ]; then
    previous=$(< log/previous/pack.json)
    field export_entry '[0-9]{1,15}'; previous_entry=$hash
    field manifest_sha256 '[0-9a-f]{64}'; previous_pack=$hash
    field log_size '[0-9]{1,15}'; previous_size=$hash
    field log_root '[0-9a-f]{64}'; previous_root=$hash
    [ -z "$previous_size" ] || root_at[$previous_size]=''
fi

# --- 5. the tree (RFC 6962, section 2.1): leaf SHA-256(00, entry), node SHA-256(01, left, right)
hash=''
# Bytes are written as \xHH for printf.
node() {
    local both=$1$2 at escaped='\x01'
    for ((at = 0; at < 128; at += 2)); do escaped+="\\x${both:at:2}"; done
    read -r hash _ < <(printf "$escaped" | sha256sum)
}
leaf() { read -r hash _ < <({ printf '\0'; printf '%s' "$1"; } | sha256sum); }
hex_of() {
    local escaped
    escaped=$(printf '%s' "$1" | base64 -d 2>/dev/null | od -An -v -tx1)
    hash=${escaped//[$' \n']/}
}
hex_of "$log_root"; root=$hash

# The root of the tree over the entries so far.
fold() {
    local at=$((${#stack[@]} - 1))
    if [ "$at" -lt 0 ]; then read -r hash _ < <(sha256sum < /dev/null); return; fi
    hash=${stack[at]}
    while [ "$at" -gt 0 ]; do at=$((at - 1)); node "${stack[at]}" "$hash"; done
}
entries=0 exported='' exported_at=''
declare -a stack=() heights=()
declare -A entry
while IFS= read -r line; do
    leaf "$line"
    [ -z "${item[$entries]+wanted}" ] || entry[$entries]="$hash $line"
    if [[ $line == *'"kind":"export"'* ]]; then exported=$line exported_at=$entries; fi
    if [ -n "${root_at[$entries]+wanted}" ]; then kept_leaf=$hash; fold; root_at[$entries]=$hash; hash=$kept_leaf; fi
    stack+=("$hash"); heights+=(0)
    while [ "${#stack[@]}" -ge 2 ] && [ "${heights[-1]}" = "${heights[-2]}" ]; do
        node "${stack[-2]}" "${stack[-1]}"
        height=$((heights[-1] + 1))
        unset 'stack[-1]' 'stack[-1]' 'heights[-1]' 'heights[-1]'
        stack+=("$hash"); heights+=("$height")
    done
    entries=$((entries + 1))
    [ $((entries % 500)) != 0 ] || printf '%s entries hashed\r' "$entries" >&2
done < log/entries.jsonl
fold
[ -z "${root_at[$entries]+wanted}" ] || root_at[$entries]=$hash
if [ "$entries" = "$log_size" ] && [ "$hash" = "$root" ] && [ -n "$root" ]; then
    good "log/entries.jsonl is the whole log: $entries entries give the root that was signed"
else
    bad "log/entries.jsonl does not give the root that was signed"
fi

if [ -n "$kept_size" ]; then
    hex_of "$kept_root"
    if [ -n "$hash" ] && [ "${root_at[$kept_size]}" = "$hash" ]; then
        good "the first $kept_size entries are those of the checkpoint you kept, unchanged"
    else
        bad "the log does not continue the checkpoint you kept, of $kept_size entries"
    fi
fi
# the pack before this one (RFC 9162, 2.1.4.2)
grown() {
    local size=$1 old=$2 fn=$(($1 - 1)) sn=$((log_size - 1)) fr sr step
    shift 2
    [ "$fn" -ge 0 ] && [ "$fn" -lt "$sn" ] || return 1
    [ $((size & fn)) != 0 ] || set -- "$old" "$@"
    [ $# != 0 ] || return 1
    while [ $((fn & 1)) = 1 ]; do fn=$((fn >> 1)); sn=$((sn >> 1)); done
    fr=$1 sr=$1
    shift
    for step in "$@"; do
        [ "$sn" != 0 ] || return 1
        if [ $((fn & 1)) = 1 ] || [ "$fn" = "$sn" ]; then
            node "$step" "$fr"; fr=$hash
            node "$step" "$sr"; sr=$hash
            while [ $((fn & 1)) = 0 ] && [ "$fn" != 0 ]; do fn=$((fn >> 1)); sn=$((sn >> 1)); done
        else
            node "$sr" "$step"; sr=$hash
        fi
        fn=$((fn >> 1)); sn=$((sn >> 1))
    done
    [ "$sn" = 0 ] && [ "$fr" = "$old" ] && [ "$sr" = "$root" ]
}
if [ -n "$previous" ] || [ -f log/previous/consistency ]; then
    steps=() from='' over=''
    if [ -f log/previous/consistency ]; then
        {
            read -r _ from
            while IFS= read -r line && [ -n "$line" ]; do hex_of "$line"; steps+=("$hash"); done
            IFS= read -r -d '' over
        } < log/previous/consistency
    fi
    if [ -z "$previous_size" ] || [ -z "$previous_entry" ] || [ "$exported_at" != "$previous_entry" ] ||
        [[ $exported != *"\"pack\":\"sha256:$previous_pack\""* ]]; then
        bad 'log/previous/pack.json is not the pack that the log records as exported last'
    elif [ "$previous_size" -gt "$previous_entry" ] || [ "${root_at[$previous_size]}" != "$previous_root" ]; then
        bad "log/previous/pack.json: the first $previous_size entries have another root"
    elif [ "$from" != "$previous_size" ] || [ "${over%$'\n'}" != "$(< log/checkpoint)" ] ||
        ! grown "$previous_size" "$previous_root" ${steps[@]+"${steps[@]}"}; then
        bad 'log/previous/consistency does not show that the log only grew since the pack before this one'
    else
        good "the log only grew since the pack before this one, of which entry $previous_entry holds the digest: its first $previous_size entries are unchanged"
    fi
fi

# --- 6. each document: its digest is in the opening, the opening's is in the entry, the entry is in the tree (RFC 9162, 2.1.3.2)
included() {
    local index=$1 size=$2 seen=$3 fn=$1 sn=$(($2 - 1)) step
    shift 3
    [ "$index" -lt "$size" ] || return 1
    for step in "$@"; do
        [ "$sn" != 0 ] || return 1
        if [ $((fn & 1)) = 1 ] || [ "$fn" = "$sn" ]; then
            node "$step" "$seen"
            while [ $((fn & 1)) = 0 ] && [ "$fn" != 0 ]; do fn=$((fn >> 1)); sn=$((sn >> 1)); done
        else
            node "$seen" "$step"
        fi
        seen=$hash
        fn=$((fn >> 1)); sn=$((sn >> 1))
    done
    [ "$sn" = 0 ] && [ "$seen" = "$root" ]
}
proven=0
for index in "${!item[@]}"; do
    document=${item[$index]} proof="log/proofs/$index.tlog-proof" opening="log/openings/$index.txt"
    if [ ! -f "$proof" ] || [ ! -f "$opening" ]; then bad "$document: its proof or opening is missing"; continue; fi
    steps=() place=''
    {
        read -r _
        read -r _ place
        while IFS= read -r line && [ -n "$line" ]; do hex_of "$line"; steps+=("$hash"); done
    } < "$proof"
    known=${entry[$index]-}
    if [ "$place" != "$index" ] || ! included "$index" "$log_size" "${known%% *}" ${steps[@]+"${steps[@]}"}; then
        bad "$document: $proof does not lead to the root"; continue
    fi
    read -r committed _ < <(sha256sum "$opening")
    if [[ ${known#* } != *"\"commit\":\"sha256:$committed\""* ]]; then bad "$document: $opening is not the one entry $index commits to"; continue; fi
    opened=''
    while read -r word value; do [ "$word" = sha256 ] && opened=$value; done < "$opening"
    if [ "$opened" != "${digest[$document]-}" ]; then bad "$document is not the one entry $index stands for"; continue; fi
    proven=$((proven + 1))
done
good "$proven of ${#item[@]} documents are the ones their log entries stand for"
[ "$proven" = "${#item[@]}" ] || wrong=1
proofs=(log/proofs/*)
[ "${#proofs[@]}" = "${#item[@]}" ] || bad "${#proofs[@]} proofs are here for ${#item[@]} documents"

# --- 7. timestamps (RFC 3161), where there are any
tokens=0 trusted=0
for token in log/anchors/**/*.tsr; do
    tokens=$((tokens + 1))
    over=${token%.tsr}.checkpoint
    [ -f "$over" ] || over=${token%/*}/checkpoint
    if [ ! -f "$over" ]; then bad "$token: there is no checkpoint it stands over"
    elif ! note "$over"; then bad "$over is not signed by the key"
    elif [ -n "$roots" ]; then
        if openssl ts -verify -data "$over" -in "$token" -CAfile "$roots" > "$scratch/ts" 2>&1; then trusted=$((trusted + 1))
        else bad "$token does not verify with your roots: $(tail -n 1 "$scratch/ts")"
        fi
    fi
done
if [ "$tokens" = 0 ]; then not 'when things happened: no timestamp authority countersigned this log'
elif [ -z "$roots" ]; then not "when things happened: $tokens timestamp tokens are here; give the roots you trust with --tsa-roots"
else good "$trusted of $tokens timestamp tokens verify with your roots"
fi
if [[ $(< MANIFEST.json) == *'"redaction":{'* ]]; then
    not 'that redacted tables (*.redacted.jsonl) are the sealed ones, and anything about what is withheld: see 00_README.txt'
fi
not 'that the answers and tables are those the manifests name, and that the checks give these verdicts: 00_README.txt says how to see it'
[ -n "$kept_size" ] || not 'that no second history was prepared beside this one: give a checkpoint you kept with --checkpoint'

if [ "$wrong" = 0 ]; then printf 'VERIFIED\n'; else printf 'NOT VERIFIED\n'; fi
exit "$wrong"

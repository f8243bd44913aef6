#!/usr/bin/env bash
# Judges an unpacked pack by bash, openssl and coreutils alone: digests, both signatures, and every inclusion proof
# recomputed (RFC 9162 section 2.1.3.2). judge.sh PACK
set -euo pipefail
cd "$1"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "$1" >&2; exit 1; }

# every file is listed and as listed
sha256sum --quiet --strict --check SHA256SUMS
diff <(find . -type f ! -path ./SHA256SUMS | sort) <(cut -c67- SHA256SUMS | sed 's|^|./|' | sort) || fail "files beside those listed"

# NOTE is signed by log/log-key.pem: its text, up to the last blank line, and the 64 bytes behind the key's 4 in its last line
signed() {
    sed '/^$/,$d' "$1" > "$scratch/text"
    sed -n 's/^— [^ ]* //p' "$1" | head -n 1 | base64 -d | tail -c 64 > "$scratch/signature"
    openssl pkeyutl -verify -rawin -pubin -inkey log/log-key.pem -in "$scratch/text" -sigfile "$scratch/signature" >/dev/null ||
        fail "the signature of $1 does not hold"
}
signed MANIFEST.json.sig
grep -qx "sha256 $(sha256sum MANIFEST.json | cut -c-64)" MANIFEST.json.sig || fail "another MANIFEST.json was signed"
signed log/checkpoint
size=$(sed -n 2p log/checkpoint)
root=$(sed -n 3p log/checkpoint | base64 -d | basenc --base16 -w0)
[ "$(wc -l < log/entries.jsonl)" = "$size" ] || fail "log/entries.jsonl does not have $size lines"

sha256() { sha256sum | cut -c-64 | tr a-f A-F; }
node() { printf '01%s%s' "$1" "$2" | basenc --base16 -d | sha256; }

proofs=0
for file in log/proofs/*.tlog-proof; do
    cmp -s <(sed '1,/^$/d' "$file") log/checkpoint || fail "$file is under another checkpoint"
    index=$(sed -n 's/^index //p' "$file")
    hash=$({ printf '\0'; sed -n "$((index + 1))p" log/entries.jsonl | tr -d '\n'; } | sha256)
    position=$index last=$((size - 1))
    while read -r line; do
        sibling=$(base64 -d <<< "$line" | basenc --base16 -w0)
        [ "$last" -gt 0 ] || fail "$file is too long"
        if [ $((position % 2)) = 1 ] || [ "$position" = "$last" ]; then
            hash=$(node "$sibling" "$hash")
            while [ $((position % 2)) = 0 ] && [ "$position" != 0 ]; do
                position=$((position / 2)) last=$((last / 2))
            done
        else
            hash=$(node "$hash" "$sibling")
        fi
        position=$((position / 2)) last=$((last / 2))
    done < <(sed '/^$/,$d' "$file" | tail -n +3)
    [ "$last" = 0 ] && [ "$hash" = "$root" ] || fail "$file does not lead to the root"
    # the entry commits to the opening, and the opening to the document that SHA256SUMS lists
    opening=log/openings/$index.txt
    sed -n "$((index + 1))p" log/entries.jsonl | grep -q "\"commit\":\"sha256:$(sha256sum < "$opening" | cut -c-64)\"" ||
        fail "$opening is not what entry $index commits to"
    grep -q "^$(sed -n 's/^sha256 //p' "$opening")  " SHA256SUMS || fail "the document of $opening is not here"
    proofs=$((proofs + 1))
done
echo "$(wc -l < SHA256SUMS) files, 2 signatures, $proofs inclusion proofs"

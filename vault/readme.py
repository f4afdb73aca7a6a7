"""The README.txt stored with the backups: how to open them without this program."""

README_TEXT = """\
Backups of claude-analytics
===========================

backups/TIME-DIGEST.json   one backup each: a list of parts. DIGEST begins the SHA-256 of the file itself.
parts/ab/abcd....zst       content, named by the SHA-256 of the file; several backups may use the same part
key.age                    only with a passphrase: the key of the parts, which `age --decrypt key.age` prints

Everything in here is private: transcripts, secrets, settings.

With this program:    analytics restore THIS_FOLDER --data EMPTY_FOLDER
Without it, with zstd, jq and (for parts that end with .age) age:

    backup=$(ls backups/*.json | tail -n 1)

    # every line, a JSON object a row; "line" is the line of the transcript as it was written
    jq -r '.parts[] | select(.kind == "lines") | .name' "$backup" | while read part; do zstd -dc "$part"; done

    # verify the checksum of every part
    jq -r '.parts[] | .sha256 + "  " + .name' "$backup" | sort -u | sha256sum --check --quiet

    # encrypted: age --decrypt key.age > key (asks for the passphrase), then
    age --decrypt --identity key "$part" | zstd -dc

    # a file, such as Metabase's database, for pg_restore
    jq -r '.parts[] | select(.file == "metabase.dump") | .name' "$backup" |
        while read part; do zstd -dc "$part"; done > metabase.dump

Kinds of rows: lines, undated_lines (documents of other tools without a timestamp), rejected_lines (their bytes in
base64 in "raw"), file_states (how far each transcript was read), file_layouts (bytes between and after the lines).
"""

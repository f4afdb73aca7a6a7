# Reads an image's /etc/os-release, a blank line and what dpkg (its status file) or apk (its database) installed there;
# writes a bill of materials, CycloneDX in JSON. -v image=NAME is what it is the bill of.
function end_of_entry() {
    if (name != "" && (status == "" || status ~ / installed$/)) {
        printf "%s\n  {\"type\": \"library\", \"name\": \"%s\", \"version\": \"%s\", ", separator, name, version
        printf "\"purl\": \"pkg:%s/%s/%s@%s", kind, distribution, encoded(name), encoded(version)
        printf "?arch=%s&distro=%s-%s\"}", architecture, distribution, release
        separator = ","
    }
    name = version = architecture = status = ""
}
function encoded(text) {
    gsub(/:/, "%3A", text)
    gsub(/\+/, "%2B", text)
    return text
}
function plain(line) {
    sub(/^[A-Z_]*=/, "", line)
    gsub(/"/, "", line)
    return line
}
BEGIN {
    printf "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.6\", \"version\": 1,\n"
    printf " \"metadata\": {\"component\": {\"type\": \"container\", \"name\": \"%s\"}},\n \"components\": [", image
}
/^ID=/ { distribution = plain($0) }
/^VERSION_ID=/ { release = plain($0) }
/^Package: / { name = $2; kind = "deb" }
/^Status: / { status = $0 }
/^Version: / { version = $2 }
/^Architecture: / { architecture = $2 }
/^P:/ { name = substr($0, 3); kind = "apk" }
/^V:/ { version = substr($0, 3) }
/^A:/ { architecture = substr($0, 3) }
/^$/ { end_of_entry() }
END { end_of_entry(); print "\n ]}" }

export type Shell = 'bash' | 'zsh' | 'fish'

/** Each script asks the command itself what may come next, so that it never falls behind it. */
export const completionScripts: Readonly<Record<Shell, string>> = {
  bash: `# tidings completion for bash: source <(tidings completion bash)
_tidings() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _tidings tidings
`,
  zsh: `#compdef tidings
# tidings completion for zsh: source <(tidings completion zsh)
_tidings() {
  local -a candidates
  candidates=("\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${candidates[1]}" ]]; then
    compadd -a candidates
  else
    _files
  fi
}
if [[ "\${funcstack[1]}" = _tidings ]]; then
  _tidings "$@"
else
  compdef _tidings tidings
fi
`,
  fish: `# tidings completion for fish: tidings completion fish | source
function __tidings_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    $words[1] complete -- $words[2..-1] "$current" 2>/dev/null
end
complete -c tidings -a '(__tidings_complete)'
`,
}

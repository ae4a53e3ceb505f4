const backup = ['engines/embedded/backup.test.ts']

/**
 * One consistent cut of a store that works, and another life of it.
 *
 * @type {readonly import('./mutations.mjs').Mutation[]}
 */
export const backupMutations = [
  {
    promise: 'A store that was restored is another life: positions of before are unknown in it.',
    file: 'engines/embedded/session.ts',
    from: '{ ...topic.record, incarnation: next, head',
    to: '{ ...topic.record, incarnation, head',
    tests: backup,
  },
  {
    promise: 'A life says where the one before ended in the backup.',
    file: 'engines/embedded/session.ts',
    from: 'head: topic.head, continues: before }',
    to: 'head: topic.head }',
    tests: backup,
  },
  {
    promise: 'Leases of before a restore are void.',
    file: 'engines/embedded/session.ts',
    from: 'epoch: Math.max(record.epoch + 1, epoch)',
    to: 'epoch: record.epoch',
    tests: backup,
  },
  {
    promise: 'A backup of which a byte was changed is found out.',
    file: 'engines/embedded/backup-form.ts',
    from: "if (digest.toString('latin1') !== `${hash.digest('hex')}\\n`) throw notWhole('its bytes are not those that were taken')",
    to: '',
    tests: backup,
  },
  {
    promise: 'A backup that was cut short is found out.',
    file: 'engines/embedded/backup-form.ts',
    from: 'if (digest.length < digestBytes) {',
    to: 'if (digest.length === 0 && left > 0) { return } else if (digest.length < digestBytes) {',
    tests: backup,
  },
  {
    promise: 'A backup replaces no store.',
    file: 'engines/embedded/folder.ts',
    from: 'if (!marker?.restoring && (marker || (await exists(dataFile)))) {',
    to: 'if (false) {',
    tests: backup,
  },
  {
    promise: 'A restore that was cut short leaves no store.',
    file: 'engines/embedded/folder.ts',
    from: 'await writeMarker(path, { complete: false, restoring: true })',
    to: '',
    tests: backup,
  },
  {
    promise: 'A backup leaves nothing on the disk, also when its reader ends early.',
    file: 'engines/embedded/backup.ts',
    from: 'await rm(copy, { force: true })',
    to: '',
    tests: backup,
  },
  {
    promise: 'What a backup left behind whose process ended goes with the next start.',
    file: 'engines/embedded/folder.ts',
    from: "if (name.startsWith('copy.')) await rm(join(path, name), { force: true })",
    to: 'void name',
    tests: backup,
    programs: true,
  },
  {
    promise: 'A backup of another format is refused.',
    file: 'engines/embedded/restore.ts',
    from: "checkFormat(header.format, 'The store in the backup')",
    to: '',
    tests: backup,
  },
]

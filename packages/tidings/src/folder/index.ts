export { makeFolder, syncFolder } from './folder.ts'
export { lockFolder } from './lock.ts'

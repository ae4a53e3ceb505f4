export { memoryEngine, type MemoryEngineOptions } from './engine.ts'

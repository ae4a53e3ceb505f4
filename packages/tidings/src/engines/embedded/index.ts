export { embeddedEngine, type EmbeddedEngineOptions } from './engine.ts'

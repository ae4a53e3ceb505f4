export { mulberry32, simulatedEnvironment, type SimulatedEnvironment } from './simulated.ts'

import { transportContract } from './contract.ts';
import { createWsLab } from './ws-lab.ts';

transportContract('ws', createWsLab);

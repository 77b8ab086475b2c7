import { All, Controller, Module, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { Nest } from '../../packages/server/test/conformance-nest.ts';

/** The Nest before the newest, which cannot be installed beside it in one folder. What is used of it is alike. */
export const NEST_11 = {
  All,
  Controller,
  Module,
  Req,
  Res,
  NestFactory,
  ExpressAdapter,
  FastifyAdapter,
} as unknown as Nest;

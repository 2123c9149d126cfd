using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Compiler.Frontend;

namespace Lia.Gpu.Runtime;

/// <summary>
/// Lays arguments out as kernels read them. On the host a view refers to its buffer, on the device it is an address and a length, 16 bytes;
/// everything else has the same bytes on both. The method that writes a type is generated once.
/// </summary>
public static class KernelArguments
{
    private static readonly MethodInfo s_writeView = typeof(KernelArguments)
        .GetMethod(nameof(WriteView), BindingFlags.NonPublic | BindingFlags.Static)!;

    private static readonly MethodInfo s_flattenDefault = typeof(KernelArguments)
        .GetMethod(nameof(FlattenDefault), BindingFlags.NonPublic | BindingFlags.Static)!;

    private delegate void Writer<T>(in T arguments, nint target);

    /// <summary>
    /// The bytes of a kernel's only parameter. They hold addresses: the buffers must live as long as they are launched with.
    /// </summary>
    /// <typeparam name="T">A primitive, a view, or a struct of these.</typeparam>
    /// <exception cref="ArgumentException">The type has no form on the device.</exception>
    public static unsafe byte[] Flatten<T>(in T arguments) where T : struct
    {
        byte[] block = new byte[SizeOf(typeof(T))];
        fixed (byte* target = block) Cached<T>.Write(in arguments, (nint)target);
        return block;
    }

    /// <summary>Has the method that writes a type generated and compiled, which takes some milliseconds, before it is asked for.</summary>
    internal static void Foresee(Type type) => s_flattenDefault.MakeGenericMethod(type).Invoke(null, null);

    /// <summary>Bytes of a type on the device.</summary>
    internal static int SizeOf(Type type) => LayoutOf(type).Size;

    /// <summary>Emits the code that writes a value to the device's form of it.</summary>
    /// <param name="il">Where to.</param>
    /// <param name="type">The value's type.</param>
    /// <param name="loadAddress">Pushes the value's address.</param>
    /// <param name="loadTarget">Pushes the address of the block.</param>
    /// <param name="offset">Where in the block.</param>
    internal static void EmitWrite(ILGenerator il, Type type, Action loadAddress, Action loadTarget, int offset)
    {
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ArrayView1D<,>))
        {
            MethodInfo baseView = type.GetProperty(nameof(ArrayView1D<,>.BaseView))!.GetMethod!;
            LocalBuilder view = il.DeclareLocal(baseView.ReturnType);
            loadAddress();
            il.Emit(OpCodes.Call, baseView);
            il.Emit(OpCodes.Stloc, view);
            EmitWrite(il, view.LocalType, () => il.Emit(OpCodes.Ldloca, view), loadTarget, offset);
            return;
        }
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ArrayView<>))
        {
            loadAddress();
            LoadPlace();
            il.Emit(OpCodes.Call, s_writeView.MakeGenericMethod(type.GetGenericArguments()));
            return;
        }
        if (!HasView(type))
        {
            LoadPlace();
            loadAddress();
            il.Emit(OpCodes.Ldobj, type);
            il.Emit(OpCodes.Unaligned, (byte)1);
            il.Emit(OpCodes.Stobj, type);
            return;
        }
        TypeLayout layout = LayoutOf(type);
        foreach (FieldInfo field in Fields(type))
        {
            EmitWrite(
                il, field.FieldType,
                () =>
                {
                    loadAddress();
                    il.Emit(OpCodes.Ldflda, field);
                },
                loadTarget, offset + layout.Field(field).Offset);
        }

        void LoadPlace()
        {
            loadTarget();
            il.Emit(OpCodes.Ldc_I4, offset);
            il.Emit(OpCodes.Add);
        }
    }

    // It is compiled when it is called, not when it is generated.
    private static void FlattenDefault<T>() where T : struct
    {
        T none = default;
        _ = Flatten(in none);
    }

    private static FieldInfo[] Fields(Type type) => type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);

    private static bool HasView(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() is { } generic
        && (generic == typeof(ArrayView<>) || generic == typeof(ArrayView1D<,>))
        || (type.IsValueType && !type.IsPrimitive && !type.IsEnum && Fields(type).Any(static field => HasView(field.FieldType)));

    private static TypeLayout LayoutOf(Type type) => TypeLayout.Of(type)
        ?? throw new ArgumentException(
            $"a {type.Name} has no form on the device: kernels take primitives, ArrayView<T> and structs of these");

    private static unsafe void WriteView<T>(in ArrayView<T> view, nint target) where T : unmanaged
    {
        // An empty view may have no buffer; nothing reads its address.
        Unsafe.WriteUnaligned((void*)target, view.IsValid ? view.LoadEffectiveAddressAsPtr() : 0);
        Unsafe.WriteUnaligned((void*)(target + sizeof(long)), view.Length);
    }

    private static class Cached<T> where T : struct
    {
        public static readonly Writer<T> Write = Create();

        private static Writer<T> Create()
        {
            var method = new DynamicMethod("Write " + typeof(T).Name, typeof(void), [typeof(T).MakeByRefType(), typeof(nint)],
                typeof(KernelArguments).Module, skipVisibility: true);
            ILGenerator il = method.GetILGenerator();
            EmitWrite(il, typeof(T), () => il.Emit(OpCodes.Ldarg_0), () => il.Emit(OpCodes.Ldarg_1), 0);
            il.Emit(OpCodes.Ret);
            return method.CreateDelegate<Writer<T>>();
        }
    }
}
